/** What the operator should know of a running store; the composition root logs it. */
export const StoreEventType = {
  /** A segment that retention wanted to delete is damaged: it is kept, and so are its bytes. */
  SegmentDamaged: 'segment-damaged',
  /** The disk is full: the reserve was released to reclaim a segment, sends are refused. */
  SpaceShort: 'space-short',
} as const;
export type StoreEventType = (typeof StoreEventType)[keyof typeof StoreEventType];

export interface StoreEvent {
  type: StoreEventType;
  message: string;
}
