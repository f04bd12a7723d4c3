/** The first frames of each end of a trunk link (`trunk-access.ts`). Readers answer undefined for nonsense. */
import { HEADER_BYTES, MessagePackReader, type MessagePackWriter } from '../protocol/index.ts';
import {
  type ChallengeFrame,
  type HelloFrame,
  type ProofFrame,
  type RefusedFrame,
  TrunkCommand,
  type WelcomeFrame,
} from './trunk-protocol.ts';

const U32 = 0xffffffff;
const reader = new MessagePackReader();

/** @returns a copy of the body, for the proofs */
export function writeHello(writer: MessagePackWriter, frame: HelloFrame): Uint8Array {
  const start = writer.beginFrame(TrunkCommand.Hello, 0);
  writer.arrayHeader(5);
  writer.uint(frame.version);
  writer.str(frame.role);
  writer.str(frame.name);
  writer.str(frame.bootId);
  writer.bin(frame.nonce);
  writer.endFrame(start);
  return bodyCopy(writer, start);
}

/** @returns a copy of the body, for the proofs */
export function writeChallenge(writer: MessagePackWriter, frame: ChallengeFrame): Uint8Array {
  const start = writer.beginFrame(TrunkCommand.Challenge, 0);
  writer.arrayHeader(2);
  writer.str(frame.bootId);
  writer.bin(frame.nonce);
  writer.endFrame(start);
  return bodyCopy(writer, start);
}

export function writeProof(writer: MessagePackWriter, frame: ProofFrame): void {
  const start = writer.beginFrame(TrunkCommand.Proof, 0);
  writer.arrayHeader(1);
  writer.bin(frame.proof);
  writer.endFrame(start);
}

/** @param proof of the listener; empty without a secret */
export function writeWelcome(writer: MessagePackWriter, frame: WelcomeFrame, proof: Uint8Array): void {
  const start = writer.beginFrame(TrunkCommand.Welcome, 0);
  writer.arrayHeader(5);
  writer.uint(frame.version);
  writer.str(frame.bootId);
  writer.uint(frame.partitions);
  writer.uint(frame.durability);
  writer.bin(proof);
  writer.endFrame(start);
}

export function writeRefused(writer: MessagePackWriter, frame: RefusedFrame): void {
  const start = writer.beginFrame(TrunkCommand.Refused, 0);
  writer.arrayHeader(1);
  writer.uint(frame.reason);
  writer.endFrame(start);
}

export function readHello(bytes: Buffer, start: number, end: number): HelloFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    version: reader.uint(U32),
    role: reader.str(),
    name: reader.str(),
    bootId: reader.str(),
    nonce: Buffer.from(reader.bin()),
  };
  return reader.failed ? undefined : frame;
}

export function readChallenge(bytes: Buffer, start: number, end: number): ChallengeFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { bootId: reader.str(), nonce: Buffer.from(reader.bin()) };
  return reader.failed ? undefined : frame;
}

/** A view: valid as long as `bytes` are. */
export function readProof(bytes: Buffer, start: number, end: number): ProofFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { proof: reader.bin() };
  return reader.failed ? undefined : frame;
}

/** `proof` is a view: valid as long as `bytes` are. */
export function readWelcome(bytes: Buffer, start: number, end: number): (WelcomeFrame & ProofFrame) | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = {
    version: reader.uint(U32),
    bootId: reader.str(),
    partitions: reader.uint(U32),
    durability: reader.uint(0xff),
    proof: reader.bin(),
  };
  return reader.failed ? undefined : frame;
}

export function readRefused(bytes: Buffer, start: number, end: number): RefusedFrame | undefined {
  reader.reset(bytes, start, end).arrayHeader();
  const frame = { reason: reader.uint(0xff) };
  return reader.failed ? undefined : frame;
}

function bodyCopy(writer: MessagePackWriter, start: number): Uint8Array {
  return Buffer.from(writer.buffer.subarray(start + HEADER_BYTES, writer.position));
}
