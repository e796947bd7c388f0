"""The site's addresses."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from campaigns.delivery.webhooks import webhook
from campaigns.views.dashboard import dashboard
from project import people
from project.views import health

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("", include("campaigns.urls")),
    path("", include("contacts.urls")),
    path("accounts/", include("providers.urls")),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_new, name="person_new"),
    path("people/<int:pk>/", people.person, name="person"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("health/", health, name="health"),
    path("webhooks/<int:account_id>/<str:token>/", webhook, name="webhook"),
    path("admin/", admin.site.urls),
]

handler400 = "project.refusals.unreadable"
handler403 = "project.access.refused"
