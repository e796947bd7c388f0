"""What each provider's own codes mean in plain words, and the next step. The tables behind ``providers.explaining``.

The keys are the codes as the backends hand them on: of refusals, and of statuses that are bad news. Plain numbers of
IPPanel below 10 are what became of a recipient; ``state-N`` is where one of its bulks stands. Sources: contracts.md,
and GoSMS's public list of error codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = tuple[Promise, Promise]  # what the code means, and what to do

WRONG_KEY = (
    _("The provider does not accept the account's key."),
    _("Copy the key from the provider's panel once more and save it with the account."),
)
WRONG_ADDRESS = (
    _("A server answers, but the provider's service is not at this address."),
    _("Compare the base URL with the one in the provider's document, and correct it."),
)
NO_CREDIT = (
    _("The credit at the provider is used up."),
    _("Add credit in the provider's panel, then let the account send again."),
)
TOO_FAST = (
    _("More requests came in than the provider takes at a time."),
    _("They are sent more slowly by themselves. If it happens often, set fewer requests a second for the account."),
)
REDIRECT = (
    _("The address leads elsewhere, as a sign-in page or a moved service does."),
    _("Correct the base URL: it has to be the provider's own address, with the right http or https."),
)
SERVER_ERROR = (
    _("The provider's server had an error of its own."),
    _("Wait a little. If it lasts, ask the provider's support."),
)
GAVE_UP = (
    _("A server on the way gave up waiting for the provider."),
    _("Wait a little. If it lasts, ask the provider's support."),
)

# HTTP statuses, the same with every provider unless its own table says more.
HTTP: Mapping[str, Words] = {
    "400": (
        _("The provider found a mistake in the request."),
        _("Correct what its words name, then let the campaign go on."),
    ),
    "401": WRONG_KEY,
    "402": NO_CREDIT,
    "403": WRONG_KEY,
    "404": WRONG_ADDRESS,
    "405": WRONG_ADDRESS,
    "413": (
        _("The request or its file is larger than the provider takes."),
        _("Choose a smaller file, or set fewer recipients a request for the account."),
    ),
    "429": TOO_FAST,
    **dict.fromkeys(("301", "302", "303", "307", "308"), REDIRECT),
    **dict.fromkeys(("500", "501", "502", "503"), SERVER_ERROR),
    **dict.fromkeys(("408", "499", "504"), GAVE_UP),
}

NOT_REACHED = (
    _("The message did not reach the phone: it was off or out of reach."),
    _("If it matters, send to this number again later or in another way."),
)
NO_ADVERTISING = (
    _("This person has blocked advertising messages."),
    _("Advertising lines leave the number out from now on; a service line still reaches it."),
)
CANCELLED_THERE = (
    _("The message was cancelled at the provider."),
    _("If nobody cancelled it in the provider's panel, ask its support why."),
)
BAD_NUMBER = (
    _("The provider does not accept this phone number."),
    _("Correct the contact's number."),
)

NAJVA: Mapping[str, Words] = {
    "400": (
        _("Najva found a mistake in the request: in the sender, a number or the text."),
        _("Look at the line's sender and at the text, correct them, then let the campaign go on."),
    ),
    "413": (
        _("The file is larger than Najva takes."),
        _("Choose a file of at most 15 MB."),
    ),
    "414": (
        _("The request named more recipients than Najva takes at once."),
        _("Set fewer recipients a request for the account, then let the campaign go on."),
    ),
    "418": NO_CREDIT,
    "6": (
        _("The line could not send the message."),
        _("Ask the provider what is wrong with this line; another line may still send."),
    ),
    "11": NOT_REACHED,
    "13": CANCELLED_THERE,
    "14": (
        _("This person has blocked advertising messages, and the cost was given back."),
        NO_ADVERTISING[1],
    ),
    "100": (
        _("Najva does not know the id of this message."),
        _("Look for the number in the provider's panel before you count the message as sent."),
    ),
}

SAFIR: Mapping[str, Words] = {
    "2": (
        _("Bale's server had an error of its own."),
        _("It is repeated by itself in a way that nobody gets the message twice."),
    ),
    "3": TOO_FAST,
    "4": (
        _("Bale found a mistake in the request."),
        _("Look at the line's bot id, the text and the file, correct them, then let the campaign go on."),
    ),
    "8": BAD_NUMBER,
    "17": (
        _("This person has no account in Bale."),
        _("Name a fallback line in the campaign, and such messages go out by SMS."),
    ),
    "20": NO_CREDIT,
    "21": (
        _("The bot has reached the number of people that it may write to."),
        _("Ask Bale for a higher limit, then let the account send again."),
    ),
}

IPPANEL: Mapping[str, Words] = {
    "400-1": (
        _("The provider does not accept the request, most often because of its token."),
        _("Save the token anew with the account. If the provider's words name something else, correct that."),
    ),
    "400-2": (
        _("A field of the request is missing or wrong."),
        _("Correct the field that the provider's words name, then let the campaign go on."),
    ),
    "422": (
        _("A field of the request is missing or wrong."),
        _("Correct the field that the provider's words name, then let the campaign go on."),
    ),
    "429": (
        _("The same message went out within the last 40 seconds, so it was not taken a second time."),
        _("The first one was probably taken: look in the provider's panel before you send again."),
    ),
    "state-1": (
        _("Somebody at the provider has to approve the text first."),
        _("It goes out by itself once it is approved. If it takes long, ask the provider's support."),
    ),
    "state-3": (
        _("The provider rejected the text: nothing was sent."),
        _("Read its comment, change the text and send a new campaign."),
    ),
    "state-4": (
        _("The provider found the recipients invalid: nothing was sent."),
        _("Fetch the provider's lists anew, choose the recipients again and send a new campaign."),
    ),
    "state-7": (
        _("The sending was cancelled at the provider: nothing was sent."),
        _("If nobody cancelled it in the provider's panel, ask its support why."),
    ),
    "state-8": (
        _("The credit at the provider did not suffice: nothing was sent."),
        _("Add credit in the provider's panel, then send a new campaign."),
    ),
    "state-9": (
        _("The provider's system failed at this sending."),
        _("Ask its support whether anything went out before you send again."),
    ),
    "3": NOT_REACHED,
    "4": NO_ADVERTISING,
}

OWN_MISTAKE = (
    _("The provider could not read the request as this program wrote it."),
    _("Tell whoever looks after this installation: the provider may have changed its interface."),
)
PERMISSION = (
    _("The key lacks a permission in GoSMS's panel."),
    _("Allow it for the key in the panel, under API integration."),
)
NO_SUCH_PHONE = (
    _("GoSMS knows no phone with the id of this line."),
    _("Compare the line's sender with the id of the phone in GoSMS's panel."),
)

GOSMS: Mapping[str, Words] = {
    "1000": SERVER_ERROR,
    "1001": OWN_MISTAKE,
    "1002": (
        _("The key is switched off in GoSMS's panel."),
        _("Switch it on there, then let the account send again."),
    ),
    "1003": (
        _("The key has been deleted in GoSMS's panel."),
        _("Make a new key there and save it with the account."),
    ),
    "1004": (
        _("No phone is connected to GoSMS."),
        _("Connect an Android phone in GoSMS's panel, then let the account send again."),
    ),
    "1005": (
        _("The key may not send messages."),
        _("Allow it for the key in GoSMS's panel, then let the account send again."),
    ),
    "1006": (
        _("The messages of the GoSMS plan are used up."),
        _("Take a larger plan or wait for the next month, then let the account send again."),
    ),
    "1007": PERMISSION,
    "1008": (
        _("GoSMS does not know the id of this message."),
        _("Look for the number in the provider's panel before you count the message as sent."),
    ),
    "1009": PERMISSION,
    "1010": (
        _("GoSMS deletes a message only some minutes after it was made."),
        _("Try again in five minutes."),
    ),
    "1011": PERMISSION,
    "1012": NO_SUCH_PHONE,
    "1013": PERMISSION,
    "1014": PERMISSION,
    "1015": (
        _("None of the connected phones is switched on for sending."),
        _("Switch one on in GoSMS's panel, then let the account send again."),
    ),
    "1016": NO_SUCH_PHONE,
    "1017": (
        _("The line names a SIM card, but not the phone that it is in."),
        _("Write both into the line's sender, then let the campaign go on."),
    ),
    "2001": BAD_NUMBER,
    "2002": (
        _("GoSMS does not accept the text: it takes 1 to 300 characters, and no backtick."),
        _("Shorten the text or take the backtick out, then send a new campaign."),
    ),
    "2003": OWN_MISTAKE,
    "2004": OWN_MISTAKE,
    "2005": (
        _("The id of the phone in the line's sender is malformed."),
        _("Copy it from GoSMS's panel once more, then let the campaign go on."),
    ),
    "2006": OWN_MISTAKE,
    "2007": OWN_MISTAKE,
    "2008": (
        _("The number of the SIM card in the line's sender is malformed."),
        _("SIM cards are counted from 0. Correct the line's sender, then let the campaign go on."),
    ),
    "2009": OWN_MISTAKE,
    "3000": (
        _("GoSMS has blocked the account."),
        _("Write to GoSMS's support, in the chat of its panel."),
    ),
    "3": (
        _("The phone could not send the message."),
        _("See that the phone is on, has a signal, and that its SIM card has credit."),
    ),
    "5": NOT_REACHED,
}

PROVIDERS: Mapping[str, Mapping[str, Words]] = {
    "najva": NAJVA,
    "safir": SAFIR,
    "ippanel": IPPANEL,
    "gosms": GOSMS,
}
