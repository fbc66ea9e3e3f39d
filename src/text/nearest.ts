/** The nearest known word to one that is not known. */
import { closest, distance } from "fastest-levenshtein";

/** The candidate that a person most likely meant, or nothing when none is near. */
export function nearestName(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0 || word.length > 100) return undefined;
  const best = closest(word, [...candidates]);
  const limit = Math.max(2, Math.floor(word.length / 3));
  return distance(word, best) <= limit ? best : undefined;
}
