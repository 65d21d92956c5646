-- What the planner is told. A function that is missing here has lost its test too.
SELECT p.oid::regprocedure AS function, prorettype::regtype AS returns, provolatile AS volatile,
       proisstrict AS strict, proparallel AS parallel, procost AS cost
  FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'simdgres'
  ORDER BY p.oid::regprocedure::text COLLATE "C";

-- The index, its operator classes and what they search by; nothing else belongs to it.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'simdgres'
  WHERE d.deptype = 'e' AND d.classid <> 'pg_proc'::regclass ORDER BY pg_describe_object(d.classid, d.objid, d.objsubid) COLLATE "C";
