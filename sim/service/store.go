package service

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

var buckets = [][]byte{[]byte("things"), []byte("jobs"), []byte("executions")}

const (
	thingBucket = iota
	jobBucket
	executionBucket
)

// A record to write; a nil value deletes the key.
type put struct {
	bucket int
	key    string
	value  any
}

// store is the database, nil for a service in memory.
type store struct{ db *bolt.DB }

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// NoSync: a simulator has to survive the end of its process, not of the
	// machine, and tests make thousands of writes.
	o := &bolt.Options{Timeout: 5 * time.Second, NoSync: true}
	db, err := bolt.Open(filepath.Join(dir, "jobs.db"), 0o600, o)
	if err != nil {
		return nil, fmt.Errorf("open jobs.db (is another server using it?): %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return &store{db}, nil
}

func (st *store) close() error {
	if st == nil {
		return nil
	}
	return st.db.Close()
}

func (st *store) write(puts []put) error {
	if st == nil || len(puts) == 0 {
		return nil
	}
	return st.db.Update(func(tx *bolt.Tx) error {
		for _, p := range puts {
			if err := p.apply(tx.Bucket(buckets[p.bucket])); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p put) apply(b *bolt.Bucket) error {
	if p.value == nil {
		return b.Delete([]byte(p.key))
	}
	data, err := json.Marshal(p.value)
	if err != nil {
		return err
	}
	return b.Put([]byte(p.key), data)
}

func (s *Service) load(dir string) error {
	st, err := openStore(dir)
	if err != nil {
		return err
	}
	err = st.db.View(func(tx *bolt.Tx) error {
		if err := each(tx, thingBucket, func(t *Thing) { s.things[t.Name] = t }); err != nil {
			return err
		}
		if err := each(tx, jobBucket, func(j *Job) { s.jobs[j.JobID] = j }); err != nil {
			return err
		}
		return each(tx, executionBucket, s.adopt)
	})
	if err != nil {
		st.close()
		return err
	}
	s.store = st
	s.sortLoaded()
	return nil
}

func each[T any](tx *bolt.Tx, bucket int, f func(*T)) error {
	return tx.Bucket(buckets[bucket]).ForEach(func(k, v []byte) error {
		one := new(T)
		if err := json.Unmarshal(v, one); err != nil {
			return fmt.Errorf("%s %q: %w", buckets[bucket], k, err)
		}
		f(one)
		return nil
	})
}

func (s *Service) adopt(e *Execution) {
	s.addRun(e)
	if !e.Status.Final() {
		s.queues[e.Thing] = append(s.queues[e.Thing], e)
	}
	s.seq = max(s.seq, e.Seq)
}

func (s *Service) sortLoaded() {
	for _, q := range s.queues {
		slices.SortFunc(q, bySeq)
	}
	for _, things := range s.runs {
		for _, runs := range things {
			slices.SortFunc(runs, func(a, b *Execution) int { return int(a.Number - b.Number) })
		}
	}
}
