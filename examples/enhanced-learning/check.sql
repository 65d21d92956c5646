-- Run by `simdgres status`: of the months after this one, how many have a partition without a gap, and whether rows
-- have none. A stack that nobody brings up for ten months is told so two months before rows have no partition.
SELECT to_regclass('enhanced_learning.shadowgit_events') IS NOT NULL AS has_events,
       to_regclass('enhanced_learning.shadowgit_events_default') IS NOT NULL AS has_default \gset
\set has_strays false
\if :has_default
SELECT EXISTS (SELECT FROM enhanced_learning.shadowgit_events_default) AS has_strays \gset
\endif
\if :has_events
WITH ahead AS (
  SELECT coalesce(min(step) - 1, 12) AS months
  FROM generate_series(1, 12) AS step
  WHERE to_regclass('enhanced_learning.shadowgit_events_'
    || to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + step * interval '1 month', 'YYYY_MM')) IS NULL
)
SELECT 'partitions',
       CASE WHEN :'has_strays'::boolean OR months < 2 THEN 'warning' ELSE 'ok' END,
       format('%s months ahead', months) || CASE WHEN :'has_strays'::boolean THEN
         '; rows of a month without one are in enhanced_learning.shadowgit_events_default' ELSE '' END,
       CASE WHEN :'has_strays'::boolean THEN
         'simdgres psql --superuser: SELECT enhanced_learning.make_partitions(''<the month>'', 0) moves them'
            WHEN months < 2 THEN 'simdgres up makes them' END
FROM ahead;
\endif
