// Command openapi writes Tandem's OpenAPI document to its output, without a database or a server: go run ./api/openapi > docs/openapi.json
package main

import (
	"fmt"
	"os"

	"tandem/api"
)

func main() {
	s, err := api.New(api.Config{Version: "1"})
	if err == nil {
		_, err = os.Stdout.Write(s.Document())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}
