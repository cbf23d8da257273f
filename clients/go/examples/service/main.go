// Command service is a small service with an agent in it: GET /persona answers with the version that its next run will use.
// It starts without the registry too, from the copy that it keeps on disk.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	personas "github.com/persona-registry/persona-registry/clients/go"
)

const shipped = "You are a backend developer." // what the service was built with

func main() {
	registry := flag.String("registry", "http://127.0.0.1:50051", "the persona registry")
	listen := flag.String("listen", "127.0.0.1:8080", "where to answer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *registry, *listen); err != nil {
		slog.Error("the service ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, registry, listen string) error {
	client, err := personas.New(registry, personas.Options{
		Names:        []string{"backend_developer"},
		SnapshotPath: filepath.Join(os.TempDir(), "service-personas"),
		Token:        os.Getenv("SERVICE_TOKEN"),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	client.OnChange(func(change personas.Change) {
		slog.Info("a persona changed", "type", change.Type, "name", change.Name, "version", change.After.GetVersion())
	})

	routes := http.NewServeMux()
	routes.HandleFunc("GET /persona", func(w http.ResponseWriter, r *http.Request) {
		held, err := client.GetOr(r.Context(), "backend_developer", shipped)
		if errors.Is(err, personas.NotFound) {
			http.Error(w, "the persona was deleted", http.StatusNotFound)
			return
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"version": held.Version, "source": held.Source, "bytes": len(held.Body())}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			slog.Warn("an answer was not taken", "error", err)
		}
	})
	// Personas that are not current are no reason to take the service down: it is ready once it has any.
	routes.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if client.Status().Source == personas.Fallback {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})

	server := &http.Server{Addr: listen, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
