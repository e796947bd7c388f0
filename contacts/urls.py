"""Addresses of the ``contacts`` app."""

from django.urls import URLPattern

app_name = "contacts"
urlpatterns: list[URLPattern] = []
