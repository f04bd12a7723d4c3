/** The trunk frames between api and logic: writers, and readers that answer undefined for a frame that makes no sense. */
import { INTEGER_MAX, MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import {
  type ApiKickedFrame,
  type ApiKickFrame,
  type ApiPushedFrame,
  type ApiPushFrame,
  type ApiSession,
  type ApiSessionListFrame,
  type ApiSessionsFrame,
  TrunkCommand,
} from './trunk-protocol.ts';

const U32 = 0xffffffff;
const reader = new MessagePackReader();

export function writeApiPush(writer: MessagePackWriter, requestId: number, frame: ApiPushFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiPush, requestId);
  writer.arrayHeader(5);
  writer.str(frame.app);
  writer.str(frame.from);
  writer.str(frame.to);
  writer.str(frame.clientMsgId);
  writer.bin(frame.payload);
  writer.endFrame(start);
}

export function writeApiPushed(writer: MessagePackWriter, requestId: number, frame: ApiPushedFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiPushed, requestId);
  writer.arrayHeader(5);
  writer.uint(frame.error);
  writer.uint(frame.messageId);
  writer.uint(frame.timeMs);
  writer.bool(frame.dup);
  writer.uint(frame.durability);
  writer.endFrame(start);
}

/** The payload is a view of `bytes`. */
export function readApiPush(bytes: Buffer, start: number, end: number): ApiPushFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    app: reader.str(),
    from: reader.str(),
    to: reader.str(),
    clientMsgId: reader.str(),
    payload: reader.bin(),
  };
  return reader.failed ? undefined : frame;
}

export function readApiPushed(bytes: Buffer, start: number, end: number): ApiPushedFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    error: reader.uint(0xff),
    messageId: reader.uint(INTEGER_MAX),
    timeMs: reader.uint(INTEGER_MAX),
    dup: reader.bool(),
    durability: reader.uint(0xff),
  };
  return reader.failed ? undefined : frame;
}

export function writeApiKick(writer: MessagePackWriter, requestId: number, frame: ApiKickFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiKick, requestId);
  writer.arrayHeader(6);
  writer.str(frame.app);
  writer.str(frame.uid);
  writer.str(frame.deviceType);
  writer.str(frame.deviceId);
  writer.bool(frame.revoke);
  writer.uint(frame.revokeBeforeMs);
  writer.endFrame(start);
}

export function readApiKick(bytes: Buffer, start: number, end: number): ApiKickFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    app: reader.str(),
    uid: reader.str(),
    deviceType: reader.str(),
    deviceId: reader.str(),
    revoke: reader.bool(),
    revokeBeforeMs: reader.uint(INTEGER_MAX),
  };
  return reader.failed ? undefined : frame;
}

export function writeApiKicked(writer: MessagePackWriter, requestId: number, frame: ApiKickedFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiKicked, requestId);
  writer.arrayHeader(2);
  writer.uint(frame.error);
  writer.uint(frame.sessionsEnded);
  writer.endFrame(start);
}

export function readApiKicked(bytes: Buffer, start: number, end: number): ApiKickedFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { error: reader.uint(0xff), sessionsEnded: reader.uint(U32) };
  return reader.failed ? undefined : frame;
}

export function writeApiSessions(writer: MessagePackWriter, requestId: number, frame: ApiSessionsFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiSessions, requestId);
  writer.arrayHeader(2);
  writer.str(frame.app);
  writer.str(frame.uid);
  writer.endFrame(start);
}

export function readApiSessions(bytes: Buffer, start: number, end: number): ApiSessionsFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { app: reader.str(), uid: reader.str() };
  return reader.failed ? undefined : frame;
}

export function writeApiSessionList(writer: MessagePackWriter, requestId: number, frame: ApiSessionListFrame): void {
  const start = writer.beginFrame(TrunkCommand.ApiSessionList, requestId);
  writer.arrayHeader(2);
  writer.uint(frame.error);
  writer.arrayHeader(frame.sessions.length);
  for (const session of frame.sessions) {
    writer.arrayHeader(5);
    writer.str(session.deviceType);
    writer.str(session.deviceId);
    writer.uint(session.generation);
    writer.str(session.gate);
    writer.uint(session.loggedInAtS);
  }
  writer.endFrame(start);
}

export function readApiSessionList(bytes: Buffer, start: number, end: number): ApiSessionListFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const error = reader.uint(0xff);
  const sessions: ApiSession[] = [];
  const count = reader.arrayHeader();
  for (let i = 0; i < count && !reader.failed; i++) {
    reader.arrayHeader();
    sessions.push({
      deviceType: reader.str(),
      deviceId: reader.str(),
      generation: reader.uint(INTEGER_MAX),
      gate: reader.str(),
      loggedInAtS: reader.uint(U32),
    });
  }
  return reader.failed ? undefined : { error, sessions };
}
