/**
 * A sender's order to one target: what it sent first lies first, retries included.
 *
 * A message counts when it was acknowledged, however often it was tried. One of unknown outcome counts only against the
 * messages of its own session: nothing is promised for what was given up, except where both went through one connection.
 */
import type { Findings } from './report.ts';
import { describe, type SentMessage } from './send-ledger.ts';
import type { Timeline, Timelines } from './timelines.ts';

export function checkOrders(messages: readonly SentMessage[], timelines: Timelines, findings: Findings): void {
  const lines = new Map<object, Map<object, SentMessage[]>>();
  for (const message of messages) {
    if (message.messageId === 0) continue;
    const byTarget = lines.get(message.application) ?? new Map<object, SentMessage[]>();
    lines.set(message.application, byTarget);
    const line = byTarget.get(message.conversation);
    if (line === undefined) byTarget.set(message.conversation, [message]);
    else line.push(message);
  }
  for (const byTarget of lines.values()) {
    for (const line of byTarget.values()) {
      line.sort((a, b) => a.order - b.order);
      const { app, target } = (line[0] as SentMessage).conversation;
      const timeline = timelines.of(app, target);
      for (const epoch of timeline.epochs) checkLine(line, timeline, epoch, findings);
    }
  }
}

interface Last {
  readonly seq: number;
  readonly message: SentMessage;
}

function checkLine(line: readonly SentMessage[], timeline: Timeline, epoch: number, findings: Findings): void {
  let acknowledged: Last | undefined;
  let inSession: Last | undefined;
  for (const message of line) {
    const seq = timeline.seqOf(epoch, message.messageId);
    if (seq === undefined) continue;
    const oneSession = message.firstSession === message.lastSession;
    const sameSession = oneSession && inSession?.message.firstSession === message.firstSession;
    const before = sameSession && (inSession?.seq ?? 0) > (acknowledged?.seq ?? 0) ? inSession : acknowledged;
    if (before !== undefined && before.seq > seq && before.message.order < message.order) {
      const places = `seq ${seq}, behind its successor: seq ${before.seq}`;
      findings.add('inversion', `${describe(message)} was sent after ${describe(before.message)}: ${places}`);
    }
    const last = { seq, message };
    if (message.stored && seq > (acknowledged?.seq ?? 0)) acknowledged = last;
    if (oneSession && (!sameSession || seq > (inSession?.seq ?? 0))) inSession = last;
  }
}
