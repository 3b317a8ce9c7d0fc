import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJinja } from "./jinja.ts";
import { strftime } from "./strftime.ts";

// Expected texts are what transformers' Jinja prints; test/oracle/chat-template.test.ts compares with it.
const now = new Date(2024, 6, 6, 0, 5, 9);
const variables = {
  s: " \n hé -]\n ",
  w: "\u0085\u001c\u2003 x \ufeff",
  o: { b: 1, a: [1, { c: null }], f: 0.00001, g: 1e-7, h: 1.5 },
  x: null,
};
const render = (template: string): string => compileJinja(template)(variables, now);

test("strip, lstrip and rstrip take off the characters they are given", () => {
  assert.equal(render("{{ s.lstrip('\n') }}|"), " \n hé -]\n |");
  assert.equal(render("{{ s.rstrip('\n ') }}|{{ s.strip() }}|"), " \n hé -]|hé -]|");
  assert.equal(render("{{ s.strip('\n -]^') }}|{{ s.strip('') == s }}|"), "hé|true|");
  assert.equal(render("{{ s.split('h')[1].strip('é-] \n') }}|"), "|");
});

test("white space is Python's: the byte order mark is none, the separators are", () => {
  assert.equal(render("{{ w | trim }}|{{ w.strip() }}|"), "x \ufeff|x \ufeff|");
  assert.equal(render("{{ w.lstrip() }}|{{ w.rstrip() }}|"), "x \ufeff|\u0085\u001c\u2003 x \ufeff|");
});

test("tojson writes as json.dumps does", () => {
  assert.equal(
    render("{{ o | tojson }}"),
    '{"b": 1, "a": [1, {"c": null}], "f": 1e-05, "g": 1e-07, "h": 1.5}',
  );
  assert.equal(render("{{ o.a | tojson(indent=2) }}"), '[\n  1,\n  {\n    "c": null\n  }\n]');
  assert.equal(render("{{ o.a | tojson(false, 1) }}"), '[\n 1,\n {\n  "c": null\n }\n]');
  assert.equal(
    render("{{ o | tojson(sort_keys=true, separators=(',', ':')) }}").slice(0, 16),
    '{"a":[1,{"c":nul',
  );
  assert.equal(render("{{ 'é' | tojson(ensure_ascii=true) }}{{ x | tojson }}"), '"\\u00e9"null');
});

test("our functions work wherever an expression may stand", () => {
  assert.equal(render("{% set r = '  a '.strip() ~ 'x' %}{{ r }}"), "ax");
  assert.equal(render("{% for i in [1] if (' 1 ' | trim) == '1' %}{{ i }}{% endfor %}"), "1");
  assert.equal(
    render("{% macro f(a) %}{{ a | trim }}{{ kwargs.b | trim }}{% endmacro %}{{ f(' x ', b=' y ') }}"),
    "xy",
  );
  assert.equal(render("{{ {'k': ' v '.strip()} | tojson }}"), '{"k": "v"}');
});

test("blocks are trimmed, loops can be left, a template can refuse", () => {
  assert.equal(render("   {% if true %}\n  x\n   {% endif %}\n y\n{# c #}\nz"), "  x\n y\nz");
  assert.equal(
    render(
      "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i > 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    ),
    "02",
  );
  assert.equal(render("{{ range(5, 0, -2) | join }}{{ range(1, 3) | join }}"), "53112");
  assert.throws(() => render("{{ raise_exception('no tools') }}"), /no tools/);
});

test("strftime_now tells the time it is given, in English", () => {
  assert.equal(render("{{ strftime_now('%d %b %Y') }}"), "06 Jul 2024");
  assert.equal(strftime(now, "%A %a %B %H:%M:%S %I %p %y-%m %%"), "Saturday Sat July 00:05:09 12 AM 24-07 %");
  assert.throws(() => render("{{ strftime_now('%Q') }}"), /%Q/);
});

test("a variable of the request goes before a global of the same name", () => {
  assert.equal(compileJinja("{{ strftime_now }}")({ strftime_now: "mine" }, now), "mine");
});
