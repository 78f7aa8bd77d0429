"""Settings for every test folder."""

from hypothesis import settings

# A loaded machine is no failing law, and the same commit gets the same examples twice.
settings.register_profile("synres", deadline=None, derandomize=True)
settings.load_profile("synres")
