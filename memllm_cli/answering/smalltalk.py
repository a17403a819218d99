"""Greetings, thanks and questions about the program itself, answered by the program and not from memory."""

from __future__ import annotations

import re
from collections import Counter

from memllm_cli.memory.history.snapshot import Snapshot

_ADDRESSED = r"( (there|all|everyone|everybody|memllm|again|friend|you))*"
_KINDS = (
    (r"hello|hi|hey|hiya|howdy|greetings|good (morning|afternoon|evening|day)|how are you( doing)?( today)?", "Hello."),
    (r"((thanks|thank you|thx|many thanks)( (a lot|so much|very much|a bunch))?)", "You are welcome."),
    (r"ok|okay|great|nice|cool|fine|perfect|good", "All right."),
    (r"(bye|goodbye|good bye|good night|see you)( (later|soon))?", "Goodbye."),
    (r"(who|what) (are|r) you|what is memllm|what's your name|what is your name|introduce yourself",
     "This is memllm, a language model with a memory you can see."),
    (r"what can (you|i) (do|ask)( (here|for me|you))?|what do you (do|know)|how does this work|help( me)?|"
     r"what should i ask( you)?|how can you help( me)?", ""),
)  # fmt: skip
_COMPILED = tuple((re.compile(f"({pattern}){_ADDRESSED}"), reply) for pattern, reply in _KINDS)
MOST_NAMES = 3


def small_talk(text: str) -> str | None:
    """The beginning of a reply to what asks nothing of the memory; None when it may be a question to it."""
    replies: list[str] = []
    for part in _parts(text):
        reply = next((reply for pattern, reply in _COMPILED if pattern.fullmatch(part)), None)
        if reply is None:
            return None
        replies.append(reply)
    return " ".join(r for r in dict.fromkeys(replies) if r) if replies else None


def offer(snapshot: Snapshot) -> str:
    """What can be asked of a memory, in one sentence."""
    counts = Counter(fact.key[0] for fact in snapshot.facts())
    if not counts:
        return "There are no facts in memory yet."
    total = counts.total()
    names = [snapshot.name(entity) for entity, _ in counts.most_common(MOST_NAMES)]
    facts = "one fact" if total == 1 else f"{total} facts"
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    among = "about" if len(counts) <= MOST_NAMES else f"about {len(counts)} names, most about"
    return f"Ask about what is in memory: {facts} {among} {listed}."


def _parts(text: str) -> list[str]:
    """The sentences of a text, each as its words in small letters."""
    parts = re.split(r"[.!?,;\n]+", text.replace("’", "'").casefold())
    return [words for part in parts if (words := " ".join(re.findall(r"[\w']+", part)))]
