"""Messages of all campaigns: which of them a filter means, and looking for them within a bounded time."""

from campaigns.exploring.filtering import MessageFilter
from campaigns.exploring.looking import Look, look
from campaigns.exploring.wording import chips

__all__ = ["Look", "MessageFilter", "chips", "look"]
