"""A mail server that takes one mail after the other. Says its port in the first line, then each mail as a line of JSON. It
ends with its standard input."""

import asyncio
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name: mail.get_all(name) for name in mail.keys()},
            "defects": [str(defect) for defect in mail.defects],
            "body": mail.get_body().get_content(),
        }
        print(json.dumps(said), flush=True)
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Mailbox(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
