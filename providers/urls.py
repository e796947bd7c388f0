"""Addresses of the ``providers`` app."""

from django.urls import path

from providers import views

app_name = "providers"
urlpatterns = [
    path("", views.accounts, name="accounts"),
    path("holidays/", views.holiday_list, name="holidays"),
    path("new/", views.account_new, name="account_new"),
    path("<int:pk>/", views.account, name="account"),
    path("<int:pk>/edit/", views.account_edit, name="account_edit"),
    path("<int:pk>/switch/", views.account_switch, name="account_switch"),
    path("<int:pk>/check/", views.account_check, name="account_check"),
    path("<int:pk>/breaker/", views.breaker_close, name="breaker_close"),
    path("<int:pk>/lines/new/", views.line_new, name="line_new"),
    path("<int:pk>/lines/<int:line_pk>/", views.line_edit, name="line_edit"),
]
