// A gRPC server in Go that does nothing: the limit of another language. `go-no-op PORT ANSWER`.
//
// It answers Predict with the bytes of a file, and looks at no request.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
)

// bytesCodec carries messages as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error)      { return *message.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, message any) error { *message.(*[]byte) = data; return nil }
func (bytesCodec) Name() string                             { return "proto" }

func main() {
	answer, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	predict := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		return &answer, nil
	}
	server := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "housing.v1.PredictionService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Predict", Handler: predict}},
	}, struct{}{})
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; server.Stop() }()
	fmt.Println("reference server is listening")
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
