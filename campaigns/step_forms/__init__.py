"""The composer's forms, one a step: a draft is filled in by them, each saving what is its own."""

from campaigns.step_forms.audience import AudienceForm
from campaigns.step_forms.sending import SendingForm
from campaigns.step_forms.stepping import StepForm
from campaigns.step_forms.text import TextForm

__all__ = ["AudienceForm", "SendingForm", "StepForm", "TextForm"]
