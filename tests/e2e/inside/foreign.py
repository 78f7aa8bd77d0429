"""Asks for a training whose params name an image, a command and an account; prints its action."""

import json

from synres.ledger.records import Action
from synres.ports import ShardRequest
from synres.rpc.trainer_client import TrainerClient
from synres.settings import ClientSettings, load_settings


def main() -> None:
    settings = load_settings(ClientSettings)
    foreign = {"backend": "micro", "image": "stray:1", "command": ["sh"], "serviceAccountName": "default"}
    params = json.dumps(foreign, sort_keys=True, separators=(",", ":"))
    action = Action("train", 1, "0" * 64, params, ()).digest()
    with TrainerClient(settings.trainer_address, settings.token.get_secret_value()) as trainer:
        trainer.submit(ShardRequest("train", action, (), params.encode()))
    print(action)


if __name__ == "__main__":
    main()
