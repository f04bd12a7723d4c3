/**
 * What the bare relay and its clients say: the product's frame header around bodies without any structure.
 *
 *   HELLO  body = name          →  WELCOME
 *   SEND   body = name length u8 · name · payload   →  CONFIRM under the same requestId; MESSAGE(payload) to that name
 *   BROADCAST  body = payload          →  MESSAGE(payload) to everybody
 *   ACK    body = one byte, requestId = how many messages have been taken
 */
export const RelayCommand = { Hello: 1, Welcome: 2, Send: 3, Confirm: 4, Message: 5, Ack: 6, Broadcast: 7 } as const;
export type RelayCommand = (typeof RelayCommand)[keyof typeof RelayCommand];

export const RELAY_BODY_BYTES_MAX: number = 64 * 1024;
