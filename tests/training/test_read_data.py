"""What reading is taught: where a read is due, what it asks, what is returned; questions and talk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from memllm_cli.corpora import docred
from memllm_cli.memory.values.relations import read_table
from memllm_cli.prompts import Message
from memllm_cli.protocol import ReadCall, parse
from memllm_cli.training import synthetic
from memllm_cli.training.ask_data import NOUNS, Questions, Talk, asked, plain, talked
from memllm_cli.training.read_data import Reading
from memllm_cli.training.replies import patterned
from memllm_cli.training.streams import Stream
from memllm_cli.training.write_data import names
from tests.training.mini import corpus


def letters(text: str) -> list[int]:
    return [ord(c) for c in text]


def turns(messages: Sequence[Message], answer: bool) -> list[int]:
    said = "".join(f"[{m.role}]{m.text}<" for m in messages)
    return letters(said + ("[assistant]" if answer else ""))


def text_of(ids: tuple[int, ...]) -> str:
    return "".join(map(chr, ids))


def taught(stream: Stream) -> str:
    return "".join(chr(i) if w else "_" for i, w in zip(stream.ids, stream.weights, strict=True))


def streams(tmp_path: Path, table: Path, count: int = 30) -> list[Stream]:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(count)))
    texts = docred.read(path)
    return list(Reading(texts, names(read_table(table))).streams(texts, letters, [], longest=2000))


def test_reads_stand_before_names_that_memory_can_give(tmp_path: Path, relations_table: Path) -> None:
    reads = told = 0
    for stream in streams(tmp_path, relations_table):
        trunk = text_of(stream.ids[: stream.branches[0].start if stream.branches else None])
        assert "({" not in trunk
        for branch in stream.branches:
            said = text_of(stream.ids[branch.start : branch.end])
            call = parse(said[: said.index("})") + 2])
            assert isinstance(call, ReadCall)
            assert call.results
            after = said[said.index("})") + 2 :]
            assert trunk[branch.at :].startswith(after)
            told += any(after.lstrip().startswith(r) for r in call.results)
            known = call.queries[0].subject or call.queries[0].object
            assert known is not None
            assert known in trunk[: branch.at]
            reads += 1
    assert reads > 30
    assert 0.7 * reads < told < reads  # mostly the name that follows is among what is returned


def test_what_is_returned_is_never_learned_and_queries_are(tmp_path: Path, relations_table: Path) -> None:
    for stream in streams(tmp_path, relations_table):
        for branch in stream.branches:
            said = taught(stream)[branch.start : branch.end]
            whole = text_of(stream.ids[branch.start : branch.end])
            arrow, close = whole.index("-->") + 3, whole.index("})") + 2
            assert set(said[arrow:close]) == {"_"}
            assert said.startswith("({_________")  # the opening is learned, what follows it is put there
            assert said[11:arrow] == whole[11:arrow]
            assert said[close:] == whole[close:]
            assert taught(stream)[branch.at] == "_"  # in the trunk nothing is learned where a read is due


def test_the_same_seed_makes_the_same_streams(tmp_path: Path, relations_table: Path) -> None:
    assert streams(tmp_path, relations_table) == streams(tmp_path, relations_table)


def test_exchanges_ask_what_memory_returns(relations_table: Path) -> None:
    table = read_table(relations_table)
    made = list(Questions(table, synthetic.load(), 0).make(600))
    assert made == list(Questions(table, synthetic.load(), 0).make(600))
    assert {hop.query.relation for one in made for hop in one.hops} >= {r.name for r in table[:60]}
    assert {len(one.hops) for one in made} == {1, 2}
    assert any(one.hops[0].query.object for one in made)
    assert any(len(one.hops[0].values) > 1 for one in made)
    for one in made:
        known = one.hops[0].query.subject or one.hops[0].query.object
        assert known is not None
        assert known.casefold() in one.question.casefold()
        assert all(v.rstrip(".") in one.answer for v in one.hops[-1].values)
        if len(one.hops) == 2:
            assert one.hops[1].query.subject == one.hops[0].values[0]
            assert one.hops[0].values[0] not in one.question


def test_nouns_are_relations(relations_table: Path) -> None:
    assert {r.name for r in read_table(relations_table)} >= NOUNS


def test_kept_out_questions_are_others(relations_table: Path) -> None:
    known, kept = synthetic.load().questions, synthetic.load(kept_out=True).questions
    for relation, questions in kept.items():
        assert not set(questions) & set(known[relation])
        assert any("{s}" in q for q in questions), relation
        assert any("{s}" in q for q in known[relation]), relation


def test_an_exchange_as_a_stream(relations_table: Path) -> None:
    made = list(Questions(read_table(relations_table), synthetic.load(), 0).make(20, two_hops=1.0))
    talk = Talk("hello", "hi")
    for one, stream in zip(made, asked(made, [talk], letters, turns), strict=True):
        text = text_of(stream.ids)
        assert text.endswith(f"[assistant]{text[text.rindex('[assistant]') + 11 :]}")
        said = taught(stream)
        assert set(said[: text.rindex("[assistant]") + 11]) == {"_"}
        assert said.endswith(f" {one.answer}<")
        assert text.count("({MEM_READ(") == len(one.hops) == stream.items


def test_talk_teaches_its_end_only_when_it_has_one() -> None:
    whole, cut = talked([Talk("hello", "hi"), Talk("tell me", "once upon", complete=False)], turns)
    assert taught(whole) == "_" * len("[user]hello<[assistant]") + "hi<"
    assert taught(cut) == "_" * len("[user]tell me<[assistant]") + "once upon_"


def test_plain_text_is_learned_whole_after_its_start() -> None:
    assert [taught(s) for s in plain(["abc"], letters, [])] == ["_bc"]
    assert [taught(s) for s in plain(["abc"], letters, [ord("^")])] == ["_abc"]


def test_patterns_are_filled_and_never_repeated() -> None:
    made = patterned(300, seed=1)
    assert len(set(made)) == 300
    assert not any("{" in prompt for prompt in made)
    assert made == patterned(300, seed=1)
    assert made != patterned(300, seed=2)
