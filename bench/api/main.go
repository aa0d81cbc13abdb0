// A peer of the API server: Go's net/http over the same SQLite file, with the same fields, as one would write it.
//
//	server STORE ADDRESS
package main

import (
	"database/sql"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

type version struct {
	ID             string  `json:"id"`
	VersionNumber  int64   `json:"version_number"`
	DagID          string  `json:"dag_id"`
	DagDisplayName string  `json:"dag_display_name"`
	BundleName     string  `json:"bundle_name"`
	BundleVersion  *string `json:"bundle_version"`
	BundleURL      *string `json:"bundle_url"`
	CreatedAt      string  `json:"created_at"`
}

type run struct {
	DagRunID               string          `json:"dag_run_id"`
	DagID                  string          `json:"dag_id"`
	DagDisplayName         string          `json:"dag_display_name"`
	LogicalDate            *string         `json:"logical_date"`
	QueuedAt               *string         `json:"queued_at"`
	StartDate              *string         `json:"start_date"`
	EndDate                *string         `json:"end_date"`
	Duration               *float64        `json:"duration"`
	DataIntervalStart      *string         `json:"data_interval_start"`
	DataIntervalEnd        *string         `json:"data_interval_end"`
	RunAfter               *string         `json:"run_after"`
	LastSchedulingDecision *string         `json:"last_scheduling_decision"`
	RunType                string          `json:"run_type"`
	State                  string          `json:"state"`
	TriggeredBy            *string         `json:"triggered_by"`
	TriggeringUserName     *string         `json:"triggering_user_name"`
	Conf                   json.RawMessage `json:"conf"`
	Note                   *string         `json:"note"`
	DagVersions            []version       `json:"dag_versions"`
	BundleVersion          *string         `json:"bundle_version"`
	PartitionKey           *string         `json:"partition_key"`
	PartitionDate          *string         `json:"partition_date"`
}

var states = []string{"queued", "running", "success", "failed"}
var types = []string{"manual", "scheduled", "backfill", "asset_triggered"}

const columns = `r.run_id, d.dag_id, r.logical_date_us, r.queued_us, r.start_us, r.end_us, r.data_interval_start_us,
 r.data_interval_end_us, r.run_after_us, r.state, r.type, r.conf, r.version_key FROM run r JOIN dag d USING (dag_key)`

func at(us sql.NullInt64) *string {
	if !us.Valid {
		return nil
	}
	s := time.UnixMicro(us.Int64).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	return &s
}

func word(of []string, i int64) string {
	if i >= 0 && int(i) < len(of) {
		return of[i]
	}
	return strconv.FormatInt(i, 10)
}

func scan(rows *sql.Rows) (run, error) {
	var r run
	var logical, queued, start, end, from, to, after sql.NullInt64
	var state, kind, key int64
	var conf sql.NullString
	err := rows.Scan(&r.DagRunID, &r.DagID, &logical, &queued, &start, &end, &from, &to, &after, &state, &kind, &conf, &key)
	r.DagDisplayName = r.DagID
	r.LogicalDate, r.QueuedAt, r.StartDate, r.EndDate = at(logical), at(queued), at(start), at(end)
	r.DataIntervalStart, r.DataIntervalEnd, r.RunAfter = at(from), at(to), at(after)
	if start.Valid && end.Valid {
		d := float64(end.Int64-start.Int64) / 1e6
		r.Duration = &d
	}
	r.State, r.RunType = word(states, state), word(types, kind)
	r.Conf = json.RawMessage("{}")
	if conf.Valid {
		r.Conf = json.RawMessage(conf.String)
	}
	r.DagVersions = []version{{ID: strconv.FormatInt(key, 16), VersionNumber: key, DagID: r.DagID, DagDisplayName: r.DagID,
		BundleName: "dags-folder", CreatedAt: *r.RunAfter}}
	return r, err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	db, err := sql.Open("sqlite3", "file:"+os.Args[1]+"?mode=ro&_busy_timeout=5000")
	check(err)
	list, err := db.Prepare("SELECT " + columns + " WHERE d.dag_id = ? ORDER BY r.run_after_us DESC, r.run_key DESC LIMIT ? OFFSET ?")
	check(err)
	count, err := db.Prepare("SELECT count(*) FROM run WHERE dag_key = (SELECT dag_key FROM dag WHERE dag_id = ?)")
	check(err)
	one, err := db.Prepare("SELECT " + columns + " WHERE d.dag_id = ? AND r.run_id = ?")
	check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("/list", func(w http.ResponseWriter, q *http.Request) {
		answer := struct {
			DagRuns      []run `json:"dag_runs"`
			TotalEntries int   `json:"total_entries"`
		}{DagRuns: []run{}}
		limit, _ := strconv.Atoi(q.URL.Query().Get("limit"))
		rows, err := list.Query(q.URL.Query().Get("dag_id"), limit, 0)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scan(rows)
			if err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
			answer.DagRuns = append(answer.DagRuns, r)
		}
		_ = count.QueryRow(q.URL.Query().Get("dag_id")).Scan(&answer.TotalEntries)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("/detail", func(w http.ResponseWriter, q *http.Request) {
		rows, err := one.Query(q.URL.Query().Get("dag_id"), q.URL.Query().Get("run_id"))
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		defer rows.Close()
		if !rows.Next() {
			http.NotFound(w, q)
			return
		}
		r, err := scan(rows)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r)
	})
	check(http.ListenAndServe(os.Args[2], mux))
}
