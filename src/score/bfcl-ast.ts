import { type AstType, type AstValue, astEquals, astTypeOf } from "./ast-value.ts";

/**
 * The strict check of calls: the rules of the Berkeley Function Calling Leaderboard's AST checker (v4, Python
 * categories), verdict for verdict. Where the official checker is lenient in an odd place, so is this one.
 */
export interface AstParameter {
  readonly type: AstType;
  /** Type of the elements of an array, when the schema names it. */
  readonly itemType: AstType | null;
}

export interface AstFunction {
  readonly name: string;
  readonly parameters: { readonly [name: string]: AstParameter };
  readonly required: readonly string[];
}

export interface AstCall {
  readonly name: string;
  readonly arguments: { readonly [name: string]: AstValue };
}

/** For each parameter the accepted values; `""` among them means that it may be left out. */
export interface AcceptedCall {
  readonly name: string;
  readonly arguments: { readonly [name: string]: readonly AstValue[] };
}

export type AstErrorType =
  | "wrong_count"
  | "wrong_func_name"
  | "missing_required"
  | "unexpected_param"
  | "missing_optional"
  | "type_error:simple"
  | "type_error:nested"
  | "value_error:string"
  | "value_error:list/tuple"
  | "value_error:dict_key"
  | "value_error:dict_value"
  | "value_error:list_dict_count"
  | "value_error:others"
  | "cannot_find_match";

export type AstVerdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly errorType: AstErrorType; readonly detail: string };

const valid: AstVerdict = { valid: true };

function invalid(errorType: AstErrorType, detail: string): AstVerdict {
  return { valid: false, errorType, detail };
}

function standardizeString(text: string): string {
  return text
    .replace(/[ ,./\-_*^]/g, "")
    .toLowerCase()
    .replaceAll("'", '"');
}

function standardize(value: AstValue): AstValue {
  return typeof value === "string" ? standardizeString(value) : value;
}

function isOmission(value: AstValue): boolean {
  return value === "";
}

/** The type of the first accepted value that is not the omission mark. */
function acceptedType(accepted: readonly AstValue[]): AstType | null {
  const first = accepted.find((value) => !isOmission(value));
  return first === undefined ? null : astTypeOf(first);
}

interface TypeVerdict {
  readonly error: "type_error:simple" | "type_error:nested" | null;
  /** The accepted answer has another type than the schema (a variable's name, say): only plain equality counts. */
  readonly isVariable: boolean;
}

function checkType(
  value: AstValue,
  accepted: readonly AstValue[],
  type: AstType,
  itemType: AstType | null,
): TypeVerdict {
  const answerType = acceptedType(accepted);
  const isVariable = answerType !== null && answerType !== type;
  let error: TypeVerdict["error"] = "type_error:simple";
  if (astTypeOf(value) === type) {
    if (itemType === null) return { error: null, isVariable };
    const items = value as readonly AstValue[];
    for (const answer of accepted) {
      // An accepted value that is no list (the omission mark) lets any element types through, as officially.
      const fits =
        !Array.isArray(answer) ||
        items.every((item) => checkType(item, answer, itemType, null).error === null);
      if (fits) return { error: null, isVariable };
    }
    error = "type_error:nested";
  }
  if (answerType !== null && astTypeOf(value) === answerType) return { error: null, isVariable: true };
  return { error, isVariable: false };
}

function isAmong(value: AstValue, accepted: readonly AstValue[]): boolean {
  return accepted.some((answer) => astEquals(value, answer));
}

function checkString(param: string, value: string, accepted: readonly AstValue[]): AstVerdict {
  const strings = accepted.filter((answer) => typeof answer === "string").map(standardizeString);
  return strings.includes(standardizeString(value))
    ? valid
    : invalid("value_error:string", `${param}: ${value}`);
}

function checkList(param: string, value: readonly AstValue[], accepted: readonly AstValue[]): AstVerdict {
  // A string stands for the list of its characters, as in Python; so the omission mark accepts an empty list.
  const lists = accepted.map((answer) =>
    (typeof answer === "string" ? [...answer] : Array.isArray(answer) ? answer : []).map(standardize),
  );
  return isAmong(value.map(standardize), lists)
    ? valid
    : invalid("value_error:list/tuple", `${param}: not an accepted list`);
}

type AstDict = { readonly [key: string]: AstValue };

/** Each accepted dictionary holds a list of accepted values by key. */
function checkDict(param: string, value: AstDict, accepted: readonly AstValue[]): AstVerdict {
  let last = invalid("value_error:dict_value", `${param}: no dictionary is accepted`);
  for (const answer of accepted) {
    if (isOmission(answer)) continue;
    last = checkOneDict(param, value, answer as { readonly [key: string]: readonly AstValue[] });
    if (last.valid) return last;
  }
  return last;
}

function checkOneDict(
  param: string,
  value: AstDict,
  answer: { readonly [key: string]: readonly AstValue[] },
): AstVerdict {
  for (const [key, item] of Object.entries(value)) {
    const options = Object.hasOwn(answer, key) ? answer[key] : undefined;
    if (options === undefined) return invalid("value_error:dict_key", `${param}: unexpected key ${key}`);
    if (!isAmong(standardize(item), options.map(standardize))) {
      return invalid("value_error:dict_value", `${param}.${key}: not an accepted value`);
    }
  }
  for (const [key, options] of Object.entries(answer)) {
    if (!Object.hasOwn(value, key) && !options.some(isOmission)) {
      return invalid("value_error:dict_key", `${param}: missing key ${key}`);
    }
  }
  return valid;
}

function checkDictList(param: string, value: readonly AstValue[], accepted: readonly AstValue[]): AstVerdict {
  let last = invalid("value_error:list_dict_count", `${param}: no list is accepted`);
  for (const answer of accepted) {
    const dicts = Array.isArray(answer) ? (answer as readonly AstValue[]) : [];
    if (dicts.length !== value.length) {
      last = invalid(
        "value_error:list_dict_count",
        `${param}: expected ${dicts.length}, got ${value.length}`,
      );
      continue;
    }
    const failure = value
      .map((item, i) => checkDict(param, item as AstDict, [dicts[i] as AstValue]))
      .find((verdict) => !verdict.valid);
    if (failure === undefined) return valid;
    last = failure;
  }
  return last;
}

function checkArgument(
  param: string,
  value: AstValue,
  accepted: readonly AstValue[],
  schema: AstParameter,
): AstVerdict {
  // An integer is taken for a float (top level only), a float is not taken for an integer.
  const isWidened = schema.type === "float" && astTypeOf(value) === "integer";
  const typeVerdict = isWidened
    ? { error: null, isVariable: (acceptedType(accepted) ?? "float") !== "float" }
    : checkType(value, accepted, schema.type, schema.itemType);
  if (typeVerdict.error !== null) {
    return invalid(typeVerdict.error, `${param}: expected ${schema.type}, got ${astTypeOf(value)}`);
  }
  if (!typeVerdict.isVariable) {
    if (schema.type === "dict") return checkDict(param, value as AstDict, accepted);
    if (schema.type === "array") {
      const list = value as readonly AstValue[];
      return schema.itemType === "dict"
        ? checkDictList(param, list, accepted)
        : checkList(param, list, accepted);
    }
    if (schema.type === "string") return checkString(param, value as string, accepted);
  }
  return isAmong(value, accepted) ? valid : invalid("value_error:others", `${param}: not an accepted value`);
}

/** Checks one call against the accepted values of one expected call. */
export function checkCall(fn: AstFunction, call: AstCall, accepted: AcceptedCall): AstVerdict {
  if (call.name !== fn.name) return invalid("wrong_func_name", `expected ${fn.name}, got ${call.name}`);
  for (const param of fn.required) {
    if (!Object.hasOwn(call.arguments, param)) return invalid("missing_required", param);
  }
  for (const [param, value] of Object.entries(call.arguments)) {
    const schema = Object.hasOwn(fn.parameters, param) ? fn.parameters[param] : undefined;
    const answers = Object.hasOwn(accepted.arguments, param) ? accepted.arguments[param] : undefined;
    if (schema === undefined || answers === undefined) return invalid("unexpected_param", param);
    const verdict = checkArgument(param, value, answers, schema);
    if (!verdict.valid) return verdict;
  }
  for (const [param, answers] of Object.entries(accepted.arguments)) {
    if (!Object.hasOwn(call.arguments, param) && !answers.some(isOmission))
      return invalid("missing_optional", param);
  }
  return valid;
}

/** Checks a whole answer: as many calls as expected, each expected call matched by its own, in any order. */
export function checkCalls(
  functions: readonly AstFunction[],
  calls: readonly AstCall[],
  accepted: readonly AcceptedCall[],
): AstVerdict {
  if (calls.length !== accepted.length)
    return invalid("wrong_count", `expected ${accepted.length}, got ${calls.length}`);
  const free = new Set(calls.keys());
  for (const answer of accepted) {
    const fn = functions.find(({ name }) => name === answer.name);
    if (fn === undefined) return invalid("wrong_func_name", `no function ${answer.name} was offered`);
    let verdict: AstVerdict = invalid("cannot_find_match", answer.name);
    for (const index of free) {
      verdict = checkCall(fn, calls[index] as AstCall, answer);
      if (!verdict.valid) continue;
      free.delete(index);
      break;
    }
    if (!verdict.valid) return accepted.length === 1 ? verdict : invalid("cannot_find_match", answer.name);
  }
  return valid;
}
