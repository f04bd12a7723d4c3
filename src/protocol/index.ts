/**
 * The wire: frames, MessagePack bodies, and everything generated from `protocol-spec/protocol.json`.
 *
 * Start reading at `frame-reader.ts` (bytes → frames), then `generated/bodies.ts` (bodies ↔ objects). Sits on nothing;
 * gate, trunk, client, tools and bench all use this one codec.
 */
export * from './frame-reader.ts';
export * from './generated/bodies.ts';
export * from './generated/protocol.ts';
export { MessagePackReader } from './message-pack-reader.ts';
export { MessagePackWriter } from './message-pack-writer.ts';
