"""allauth's list of sessions, connected to our own receivers."""

from __future__ import annotations

from allauth.usersessions.apps import UserSessionsConfig


class SessionsConfig(UserSessionsConfig):  # type: ignore[misc]
    """The app with our receivers instead of its own, which would store the keys of sessions."""

    def ready(self) -> None:
        """Connect the receivers."""
        from allauth.account.signals import password_changed, password_reset, password_set
        from django.contrib.auth.signals import user_logged_in

        from accounts.sign_in import receivers

        user_logged_in.connect(receivers.list_session)
        for signal in (password_changed, password_set):
            signal.connect(receivers.end_other_sessions)
        password_reset.connect(receivers.end_all_sessions)
