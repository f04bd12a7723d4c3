/** The client SDK, published as `sluice/client`. Start reading at `client.ts`. */
export { CloseReason, ErrorCode, MessageKind } from '../protocol/generated/protocol.ts';
export { SluiceClient } from './client.ts';
export { ConnectionState } from './connection-state.ts';
export type { TokenSource } from './credentials.ts';
export type { MessageHandler } from './delivery.ts';
export { ConnectError, HandlerError, SendError, StoppedError, StorageError } from './errors.ts';
export type { ClientEvents } from './events.ts';
export { FileStorage, type FileStorageOptions } from './file-storage.ts';
export type { HttpAnswer, HttpGet } from './http-get.ts';
export { MemoryStorage } from './memory-storage.ts';
export { Message } from './message.ts';
export { type ClientOptions, type ClientPlatform, systemPlatform } from './options.ts';
export type { OutgoingMessage, Receipt } from './send-types.ts';
export type {
  Backoff,
  ClientState,
  ClientStorage,
  CursorPosition,
  GateList,
  SessionState,
  UnsentMessage,
} from './storage.ts';
