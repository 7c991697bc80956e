SELECT tailnum, _tile, _epoch, COUNT(*), MAX(available_at),
  COUNT(*),
  COUNT(*), CAST(SUM(distance) AS STRING),
  COUNT(*), CAST(SUM(dep_delay) AS STRING),
  MIN(event_ms),
  MAX(event_ms)
FROM (
  SELECT *, MOD(event_ms, 1) AS _tile, available_at - MOD(available_at, 60000) AS _epoch FROM counted
)
GROUP BY tailnum, _tile, _epoch
