"""A small chat model that has memorised answers to a few pages, usable and unusable ones.

Its chat template shows it only the page and the beginning and end of the instructions. So requests are the real ones,
examples and all, and training still takes seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prox_assets.refiners.prompts.formats import label_lines
from prox_assets.testing.tiny_models import make_tiny_llama, overfit
from prox_assets.training.annotation.answers import excerpt
from prox_assets.training.annotation.errors import UnusableAnswerError
from prox_assets.training.annotation.levels.noise import NOISE_PROMPTS, read_program
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT, read_score
from prox_assets.training.annotation.prompts import Message, load_prompts
from prox_assets.training.data.seeds import SeedDocument

# The page, and beginning and end of what is asked of it: which noise, which score, whether it is asked again.
TEMPLATE = """{{ bos_token }}<|user|>
{%- set asked = messages[-1]['content'].split('[/doc]')[-1] -%}
{{ messages[-1]['content'].split('[doc]\\n')[-1].split('\\n[/doc]')[0] }}
{{ asked[:20] }}...{{ asked[-28:] }}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""

MAX_TOKENS = 32
STEPS = 110
REFUSAL = "I'm sorry, but I can't help with that."
RAMBLING = " ".join(f"It goes on for {number} miles." for number in range(11, 18))


@dataclass(frozen=True)
class Script:
    """What the model says to one prompt about one page, attempt by attempt."""

    document: SeedDocument
    prompt: str
    answers: tuple[str, ...]


def page(name: str, text: str) -> SeedDocument:
    return SeedDocument(name, f"{name}.example", f"http://{name}.example/", text)


def score(label: str, points: object) -> str:
    return f"So it is.\n{label} score: {points}"


def fenced(program: str) -> str:
    return f"So it is.\n```python\n{program}\n```"


LESSON = page("lesson", "Plants turn light, water and air into sugar.")
NOTES = page("notes", "Light is bent by glass, see chapter two.")
FORUM = page("forum", "lol my lens is bent too Reply Quote")
SHY = page("shy", "How old is the oldest tree of the park?")
WILD = page("wild", "Buy ten lenses and get one more for free!")
ENDLESS = page("endless", "And then the river went on, and on.")
DOCUMENTS = [LESSON, NOTES, FORUM, SHY, WILD, ENDLESS]

EDU, CLEAN = EDUCATIONAL.prompt, FORMAT.prompt
DOCUMENT_SCRIPTS = [
    Script(LESSON, EDU, (score("Educational", 4),)),
    Script(LESSON, CLEAN, (score("Format", 3),)),
    Script(NOTES, EDU, (score("Educational", 2),)),
    Script(NOTES, CLEAN, (score("Format", 4),)),
    Script(FORUM, EDU, (score("Educational", 2),)),
    Script(FORUM, CLEAN, (score("Format", 3),)),
    Script(SHY, EDU, (REFUSAL, score("Educational", 1))),
    Script(SHY, CLEAN, (score("Format", 5),)),
    Script(WILD, EDU, (score("Educational", 9), score("Educational", 9))),
    Script(WILD, CLEAN, (score("Format", 3),)),
    Script(ENDLESS, EDU, (score("Educational", 3),)),
    Script(ENDLESS, CLEAN, (RAMBLING, RAMBLING)),
]

TIDES = page("tides", "Home | News\nTides follow the Moon (http://sea.example/t).\n(c) Sea Ltd")
TITLE = page("title", "The Sea\nIt is deep, and it is blue.")
GREEDY = page("greedy", "Waves are made by wind.\nShort.")
CHUNK_DOCUMENTS = [TIDES, TITLE, GREEDY]

NAV, URL, FOOT = (kind.prompt for kind in NOISE_PROMPTS)
KEEP = fenced("keep_chunk()")
CHUNK_SCRIPTS = [
    Script(TIDES, NAV, (fenced("remove_lines(line_start=0, line_end=0)"),)),
    Script(TIDES, URL, (fenced('normalize(source_str=" (http://sea.example/t)", target_str="")'),)),
    Script(TIDES, FOOT, (fenced("remove_lines(line_start=2, line_end=2)"),)),
    Script(TITLE, NAV, (fenced("delete_line(0)"), KEEP)),
    Script(TITLE, URL, (KEEP,)),
    Script(TITLE, FOOT, (KEEP,)),
    Script(GREEDY, NAV, (KEEP,)),
    Script(GREEDY, URL, (KEEP,)),
    Script(GREEDY, FOOT, (fenced("remove_lines(line_start=0, line_end=1)"),)),
]


def make_tiny_chat_model(folder: Path) -> Path:
    """Save a model with tokenizer and chat template that follows the scripts."""
    import jinja2
    import torch
    from transformers import AutoTokenizer

    scripts = [(script, _problem_of_document) for script in DOCUMENT_SCRIPTS]
    scripts += [(script, _problem_of_chunk) for script in CHUNK_SCRIPTS]
    conversations = [turn for script, problem in scripts for turn in _conversations(script, problem)]
    template = jinja2.Template(TEMPLATE)
    rendered = [template.render(messages=messages, add_generation_prompt=True) for messages, _ in conversations]
    texts = [*rendered, *(answer for _, answer in conversations)]
    make_tiny_llama(folder, texts=texts, special_tokens=("<|user|>", "<|assistant|>"), vocab_size=900)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pairs = []
    for messages, answer in conversations:
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        pairs.append((tokenizer.encode(prompt), tokenizer.encode(answer)))
    # Steps this small are a hundred times slower with two threads when another process wants one of the cores.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        loss = overfit(folder, pairs, steps=STEPS, learning_rate=5e-3)
    finally:
        torch.set_num_threads(threads)
    assert loss < 0.05, f"the model has not learned its answers (loss {loss})"
    return folder


def _conversations(script: Script, problem_of: Callable[[Script, str], str]) -> list[tuple[list[Message], str]]:
    """Return the messages of each attempt, as a run will send them, with the answer to give."""
    prompt = load_prompts([script.prompt]).prompts[script.prompt]
    text = script.document.text
    shown = text if script.prompt in {EDU, CLEAN} else label_lines(text.split("\n"), 0)
    conversations: list[tuple[list[Message], str]] = []
    problem: str | None = None
    for answer in script.answers:
        conversations.append((prompt.messages(shown, problem), answer))
        problem = problem_of(script, answer)
    return conversations


def _problem_of_document(script: Script, answer: str) -> str:
    if answer == REFUSAL:
        return f"refused: {REFUSAL}"
    if answer == RAMBLING:
        return f"not finished (finish_reason length): {excerpt(RAMBLING)}"
    kind = EDUCATIONAL if script.prompt == EDU else FORMAT
    return _complaint(lambda: read_score(answer, kind))


def _problem_of_chunk(script: Script, answer: str) -> str:
    kind = next(kind for kind in NOISE_PROMPTS if kind.prompt == script.prompt)
    return _complaint(lambda: read_program(answer, script.document.text.split("\n"), kind))


def _complaint(read: Callable[[], object]) -> str:
    try:
        read()
    except UnusableAnswerError as error:
        return str(error)
    return "nothing"
