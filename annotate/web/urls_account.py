"""Addresses of the account pages. It must hold no view."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
