-- The application's schema: events of the shadow repository, and embeddings of the operations they record.

CREATE SCHEMA enhanced_learning;

CREATE TABLE enhanced_learning.shadowgit_events (
  occurred_at timestamptz NOT NULL DEFAULT now(),
  event_id uuid NOT NULL DEFAULT gen_random_uuid(),
  repository text NOT NULL,
  branch text NOT NULL DEFAULT 'main',
  commit_hash text NOT NULL CHECK (commit_hash ~ '^[0-9a-f]{40}$'),
  kind text NOT NULL CHECK (kind IN ('commit', 'merge', 'revert', 'tag')),
  lines_added integer NOT NULL DEFAULT 0 CHECK (lines_added >= 0),
  lines_removed integer NOT NULL DEFAULT 0 CHECK (lines_removed >= 0),
  details jsonb NOT NULL DEFAULT '{}',
  -- The partition key has to be part of it.
  PRIMARY KEY (occurred_at, event_id)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX ON enhanced_learning.shadowgit_events (repository, occurred_at);

-- A row of a month that nobody made a partition for is kept here, not refused.
CREATE TABLE enhanced_learning.shadowgit_events_default
  PARTITION OF enhanced_learning.shadowgit_events DEFAULT;

-- event_id without a foreign key: months of events are dropped as whole partitions, what was learned from them stays.
CREATE TABLE enhanced_learning.operation_embeddings (
  operation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  model text NOT NULL,
  embedding vector(512) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ON enhanced_learning.operation_embeddings (event_id);
CREATE INDEX ON enhanced_learning.operation_embeddings USING hnsw (embedding vector_cosine_ops);

-- Makes the partitions of first_month's month and of the months_ahead that follow; months are those of UTC. Rows of
-- such a month that the default partition has kept move over. Safe to repeat. Returns how many were made.
CREATE FUNCTION enhanced_learning.make_partitions(first_month date, months_ahead integer) RETURNS integer
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  month timestamp := date_trunc('month', first_month::timestamp);
  made integer := 0;
  partition text;
  lower_bound timestamptz;
  upper_bound timestamptz;
BEGIN
  -- Of two callers, the second finds what the first has made.
  LOCK TABLE enhanced_learning.shadowgit_events IN SHARE UPDATE EXCLUSIVE MODE;
  FOR step IN 0 .. months_ahead LOOP
    partition := 'shadowgit_events_' || to_char(month, 'YYYY_MM');
    lower_bound := month AT TIME ZONE 'UTC';
    month := month + interval '1 month';
    upper_bound := month AT TIME ZONE 'UTC';
    CONTINUE WHEN to_regclass(format('enhanced_learning.%I', partition)) IS NOT NULL;

    EXECUTE format('CREATE TABLE enhanced_learning.%I (LIKE enhanced_learning.shadowgit_events INCLUDING ALL)',
                   partition);
    -- No row may come in between the move and the attachment.
    LOCK TABLE enhanced_learning.shadowgit_events_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM enhanced_learning.shadowgit_events_default
                                   WHERE occurred_at >= %L AND occurred_at < %L RETURNING *)
                    INSERT INTO enhanced_learning.%I SELECT * FROM moved', lower_bound, upper_bound, partition);
    EXECUTE format('ALTER TABLE enhanced_learning.shadowgit_events
                    ATTACH PARTITION enhanced_learning.%I FOR VALUES FROM (%L) TO (%L)',
                   partition, lower_bound, upper_bound);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$function$;
-- Makes tables: for administrators, as one of whom `simdgres up` calls it each time.
REVOKE ALL ON FUNCTION enhanced_learning.make_partitions FROM PUBLIC;

SELECT enhanced_learning.make_partitions((now() AT TIME ZONE 'UTC' - interval '1 month')::date, 13);

-- Adds sample events from started_at on, ten minutes apart, every tenth with an embedding. The same arguments give
-- the same rows, so that a restored copy can be compared. Returns the number of events.
CREATE FUNCTION enhanced_learning.load_sample_events(events integer, started_at timestamptz) RETURNS bigint
  LANGUAGE sql SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
  INSERT INTO enhanced_learning.operation_embeddings (event_id, model, embedding, created_at)
  SELECT md5('event ' || i)::uuid, 'sample',
         (SELECT array_agg(sin(i * 13.0 + dimension * 7.0)::real ORDER BY dimension)
          FROM generate_series(1, 512) AS dimension)::public.vector,
         started_at + i * interval '10 minutes'
  FROM generate_series(10, events, 10) AS i;

  WITH inserted AS (
    INSERT INTO enhanced_learning.shadowgit_events
      (occurred_at, event_id, repository, commit_hash, kind, lines_added, lines_removed, details)
    SELECT started_at + i * interval '10 minutes', md5('event ' || i)::uuid, 'repository-' || i % 7,
           md5('commit ' || i) || substr(md5('tree ' || i), 1, 8),
           (ARRAY['commit', 'commit', 'commit', 'merge', 'revert', 'tag'])[1 + i % 6],
           i * 37 % 211, i * 53 % 97, jsonb_build_object('sequence', i)
    FROM generate_series(1, events) AS i
    RETURNING 1
  )
  SELECT count(*) FROM inserted;
END;

-- The application reads and writes rows; tables, partitions and truncation are the administrator's.
GRANT USAGE ON SCHEMA enhanced_learning TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON enhanced_learning.shadowgit_events, enhanced_learning.operation_embeddings
  TO app;
