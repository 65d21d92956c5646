-- Run by `simdgres up` after the migrations: makes the partitions of last month, this one and a year ahead that are
-- missing, usually none. Whoever has no use for the tables may have dropped them.
SELECT to_regclass('enhanced_learning.shadowgit_events') IS NOT NULL AS has_events \gset
\if :has_events
SELECT format('made %s partitions of enhanced_learning.shadowgit_events', made)
FROM enhanced_learning.make_partitions((now() AT TIME ZONE 'UTC' - interval '1 month')::date, 13) AS made
WHERE made > 0;
\endif
