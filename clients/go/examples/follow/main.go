// Command follow prints a persona and follows its changes.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	personas "github.com/persona-registry/persona-registry/clients/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := personas.New("http://127.0.0.1:50051", personas.Options{Names: []string{"backend_developer"}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	held, err := client.GetOr(ctx, "backend_developer", "You are a backend developer.")
	fmt.Println(held.Source, held.Version, held.Body(), err)
	for change := range client.Changes(ctx) {
		fmt.Println(change.Type, change.Name, change.After.GetVersion())
	}
}
