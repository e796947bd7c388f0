"""Addresses of the ``campaigns`` app."""

from django.urls import path

from campaigns.views import (
    campaign,
    compose,
    dashboard,
    files,
    left_out,
    messages,
    preview,
    review,
    segments,
    step_parts,
    unclear,
)

app_name = "campaigns"
urlpatterns = [
    path("campaigns/", campaign.campaign_list, name="list"),
    path("campaigns/new/", compose.compose, name="compose"),
    path("campaigns/preview/", preview.preview, name="preview"),
    path("campaigns/parts/", step_parts.parts, name="parts"),
    path("campaigns/count/", step_parts.count, name="count"),
    path("campaigns/<int:pk>/", campaign.detail, name="detail"),
    path("campaigns/<int:pk>/live/", campaign.live, name="live"),
    path("campaigns/<int:pk>/quote/", review.quote, name="quote"),
    path("campaigns/<int:pk>/edit/", compose.edit, name="edit"),
    path("campaigns/<int:pk>/edit/course/", step_parts.course, name="course"),
    path("campaigns/<int:pk>/edit/<slug:step>/", compose.step, name="step"),
    path("campaigns/<int:pk>/left-out/", left_out.left_out, name="left-out"),
    path("campaigns/<int:pk>/export/", campaign.export, name="export"),
    path("campaigns/<int:pk>/count-as-sent/", unclear.decide, {"word": "count-as-sent"}, name="count-as-sent"),
    path("campaigns/<int:pk>/send-again/", unclear.decide, {"word": "send-again"}, name="send-again"),
    path("campaigns/<int:pk>/<slug:action>/", campaign.control, name="control"),
    path("segments/", segments.segment_list, name="segments"),
    path("segments/new/", segments.segment_new, name="segment_new"),
    path("segments/rows/", segments.segment_rows, name="segment_rows"),
    path("segments/count/", segments.segment_count, name="segment_count"),
    path("segments/<int:pk>/", segments.segment_edit, name="segment_edit"),
    path("segments/<int:pk>/size/", segments.segment_size, name="segment_size"),
    path("segments/<int:pk>/delete/", segments.segment_delete, name="segment_delete"),
    path("restored/<slug:answer>/", dashboard.restored, name="restored"),
    path("files/<int:pk>/", files.file, name="file"),
    path("messages/<int:pk>/", messages.message, name="message"),
]
