"""What transformers makes of texts, chats and templates.

usage: chat-template.py CASES OUT
cases: {"families": {name: {"dir", "texts": [text], "chats": [{"messages", "tools", "addGenerationPrompt", "variables"}]}},
        "templates": [{"template", "variables"}], "values": [{"value", "options"}], "dates": [{"at": [y, m, d, h, min, s], "format"}]}
out: the same places; a text becomes ids, and those a text again under "decoded", a chat {"text", "ids"}, a template or a value or a date its text; {"error"} where it is refused.
"""
import datetime
import json
import sys

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import _compile_jinja_template


def as_transformers(message):
    """A message in the words of transformers: calls under "function", no content is an empty one."""
    message = {**message, "content": message["content"] or ""}
    if "tool_calls" in message:
        message["tool_calls"] = [{"type": "function", "function": call} for call in message["tool_calls"]]
    return message


def chat(tokenizer, case):
    messages = [as_transformers(message) for message in case["messages"]]
    options = {"add_generation_prompt": case["addGenerationPrompt"], **case["variables"]}
    try:
        text = tokenizer.apply_chat_template(messages, tools=case["tools"] or None, tokenize=False, **options)
    except Exception as error:
        return {"error": str(error)}
    return {"text": text, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]}


def family(case):
    tokenizer = AutoTokenizer.from_pretrained(case["dir"])
    texts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in case["texts"]]
    decoded = [tokenizer.decode(ids, clean_up_tokenization_spaces=False) for ids in texts]
    return {"texts": texts, "decoded": decoded, "chats": [chat(tokenizer, each) for each in case["chats"]]}


def template(case):
    try:
        return {"text": _compile_jinja_template(case["template"]).render(**case["variables"])}
    except Exception as error:
        return {"error": str(error)}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    answers = {
        "families": {name: family(case) for name, case in cases["families"].items()},
        "templates": [template(case) for case in cases["templates"]],
        "values": [json.dumps(case["value"], **case["options"]) for case in cases["values"]],
        "dates": [datetime.datetime(*case["at"]).strftime(case["format"]) for case in cases["dates"]],
    }
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(answers, file)


main()
