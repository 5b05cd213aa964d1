/** `2026-11-22T07:18:41Z`: how `created` and `updated` look. */
export const zuluTime = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`

/** `2026-11-22T07:18:41.250000`: UTC without saying so, with microseconds, as most other times look. */
export const naiveTime = (time: Date): string => `${time.toISOString().slice(0, 23)}000`
export const naiveTimeOrNull = (time: Date | null): string | null => time && naiveTime(time)
