"""Addresses of the account pages. It must hold no view."""

from django.urls import URLPattern, path

from annotate.web import account, entering, home, people

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("my-work/", home.my_work, name="my-work"),
    path("healthz", account.healthz, name="healthz"),
    path("login/", account.login_page, name="login"),
    path("logout/", account.logout_now, name="logout"),
    path("logout/everywhere/", account.logout_everywhere, name="logout-everywhere"),
    path("account/", account.account, name="account"),
    path("account/theme/", account.theme, name="theme"),
    path("account/password/", account.password_change, name="password_change"),
    path("password/", account.password_reset, name="password_reset"),
    path("password/sent/", account.password_reset_done, name="password_reset_done"),
    path(
        "password/<uidb64>/<token>/", account.password_reset_confirm, name="password_reset_confirm"
    ),
    path("password/done/", account.password_reset_complete, name="password_reset_complete"),
    path("join/<str:token>/", account.join, name="join"),
    path("enter/<str:token>/", entering.enter_study, name="enter"),
    path("account/erase/", entering.erase_me, name="erase"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="people-invite"),
    path("people/invitations/<int:pk>/withdraw/", people.withdraw, name="people-withdraw"),
    path("people/<int:pk>/active/", people.set_active, name="person-active"),
    path("people/<int:pk>/role/", people.set_role, name="person-role"),
]
