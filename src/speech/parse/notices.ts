import type { JsonObject } from "../../tools/types.ts";
import type { AgentEvent, NoticeKind } from "../types.ts";
import { objectOf, stringOf } from "./fields.ts";

const rateLimitWords = /rate.?limit|too many requests|\b429\b|\b529\b|overloaded|usage limit|quota/i;

/** Whether words about an error are about a limit of use. */
export function noticeKindOf(words: string): NoticeKind {
  return rateLimitWords.test(words) ? "rate_limit" : "error";
}

export function notice(agent: string, kind: NoticeKind, text: string): AgentEvent {
  return { type: "notice", agent, kind, text };
}

/** What an error object of an API says: `{type, code, message}`, or a text alone. */
export function errorNotice(agent: string, error: JsonObject | string): AgentEvent {
  const fields = typeof error === "string" ? { message: error } : error;
  const message =
    stringOf(fields["message"]) ?? stringOf(objectOf(fields["error"])?.["message"]) ?? "The request failed.";
  const words = [stringOf(fields["type"]), stringOf(fields["code"]), message].join(" ");
  return notice(agent, noticeKindOf(words), message.trim() === "" ? "The request failed." : message);
}
