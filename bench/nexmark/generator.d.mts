export type NexmarkEvent =
  | { kind: 'person'; id: number; name: string; email: string; creditCard: string; city: string; state: string; dateTime: number }
  | {
      kind: 'auction'; id: number; itemName: string; description: string; initialBid: number; reserve: number
      dateTime: number; expires: number; seller: number; category: number
    }
  | { kind: 'bid'; auction: number; bidder: number; price: number; dateTime: number }
export const BASE_TIME: number
export function timeOf(n: number): number
export class NexmarkGenerator {
  event(n: number): NexmarkEvent
}
