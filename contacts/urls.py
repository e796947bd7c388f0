"""Addresses of the ``contacts`` app."""

from django.urls import path

from contacts.views import acting, bulk, categories, contacts, imports, mirrors, phonebooks, suppressions

app_name = "contacts"
urlpatterns = [
    path("contacts/", contacts.contact_list, name="list"),
    path("contacts/new/", contacts.contact_new, name="contact_new"),
    path("contacts/<int:pk>/", contacts.contact_edit, name="contact_edit"),
    path("contacts/<int:pk>/delete/", contacts.contact_delete, name="contact_delete"),
    path("contacts/actions/", bulk.action_list, name="bulk_actions"),
    path("contacts/actions/new/", acting.act, name="act"),
    path("contacts/actions/<int:pk>/", bulk.action_detail, name="bulk_action"),
    path("contacts/actions/<int:pk>/live/", bulk.action_live, name="bulk_live"),
    path("contacts/actions/<int:pk>/cancel/", bulk.action_cancel, name="bulk_cancel"),
    path("phonebooks/", phonebooks.phonebook_list, name="phonebooks"),
    path("phonebooks/<int:pk>/", phonebooks.phonebook_detail, name="phonebook"),
    path("phonebooks/<int:pk>/delete/", phonebooks.phonebook_delete, name="phonebook_delete"),
    path("phonebooks/<int:pk>/remove/<int:contact_id>/", phonebooks.phonebook_remove, name="phonebook_remove"),
    path("phonebooks/mirrored/<int:pk>/", mirrors.mirrored_phonebook, name="mirrored_phonebook"),
    path("phonebooks/mirrored/<int:pk>/panel/", mirrors.numbers, name="numbers"),
    path("phonebooks/mirrored/<int:pk>/fetch/", mirrors.numbers_start, name="numbers_start"),
    path("accounts/<int:pk>/lists/", mirrors.mirrored, name="mirrored"),
    path("accounts/<int:pk>/lists/panel/", mirrors.mirror, name="mirror"),
    path("accounts/<int:pk>/lists/fetch/", mirrors.mirror_start, name="mirror_start"),
    path("accounts/<int:pk>/lists/categories/", mirrors.mirrored_categories, name="mirrored_categories"),
    path("suppressions/", suppressions.suppression_list, name="suppressions"),
    path("suppressions/new/", suppressions.suppression_new, name="suppression_new"),
    path("suppressions/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
    path("suppressions/files/", suppressions.suppression_file_new, name="suppression_file_new"),
    path("suppressions/files/<int:pk>/", suppressions.suppression_file, name="suppression_file"),
    path("suppressions/files/<int:pk>/live/", suppressions.suppression_file_live, name="suppression_file_live"),
    path("suppressions/files/<int:pk>/cancel/", suppressions.suppression_file_cancel, name="suppression_file_cancel"),
    path("accounts/<int:pk>/lists/categories/copy/", categories.category_copy, name="category_copy"),
    path("categories/", categories.category_list, name="categories"),
    path("categories/<int:pk>/", categories.category_detail, name="category"),
    path("categories/<int:pk>/delete/", categories.category_delete, name="category_delete"),
    path("imports/", imports.import_list, name="imports"),
    path("imports/new/", imports.import_new, name="import_new"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/mapping/", imports.import_map, name="import_map"),
    path("imports/<int:pk>/live/", imports.import_live, name="import_live"),
    path("imports/<int:pk>/start/", imports.import_start, name="import_start"),
    path("imports/<int:pk>/undo/", imports.import_undo, name="import_undo"),
    path("imports/<int:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/issues/", imports.import_issues, name="import_issues"),
]
