"""What the speed of Chapar rests on, measured: one script a figure, each beside its floor."""
