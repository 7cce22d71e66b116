// One call as Ada of the README's tour: a token in the metadata, a deadline, and the reason of an error.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	authv1 "example.com/tour/generated/holdfast/auth/v1"
	taskv1 "example.com/tour/generated/holdfast/task/v1"
)

func main() {
	gateway, err := grpc.NewClient("127.0.0.1:8080", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	login := &authv1.LoginRequest{Email: "ada@example.com", Password: "correct horse battery staple"}
	session, err := authv1.NewAuthServiceClient(gateway).Login(ctx, login)
	if err != nil {
		log.Fatal(err)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+session.GetTokens().GetAccessToken())

	tasks := taskv1.NewTaskServiceClient(gateway)
	for _, title := range []string{"Try Go", " "} {
		task, err := tasks.CreateTask(ctx, &taskv1.CreateTaskRequest{Task: &taskv1.Task{Title: title}})
		if err == nil {
			fmt.Println(task.GetTitle())
			continue
		}
		for _, detail := range status.Convert(err).Details() {
			if info, ok := detail.(*errdetails.ErrorInfo); ok {
				fmt.Println(status.Code(err), info.GetReason()) // InvalidArgument FIELD_INVALID
			}
		}
	}
}
