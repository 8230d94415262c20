// Values a block group, then sends one that breaks a rule and prints what the service says of it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	housingv1 "example.com/client/gen/housing/v1"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := housingv1.NewPredictionServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	group := &housingv1.BlockGroup{
		Longitude:        proto.Float64(-122.23),
		Latitude:         proto.Float64(37.88),
		HousingMedianAge: proto.Float64(41),
		TotalRooms:       proto.Float64(880),
		Population:       proto.Float64(322),
		Households:       proto.Float64(126),
		MedianIncome:     proto.Float64(8.3252),
	}
	answer, err := client.Predict(ctx, &housingv1.PredictRequest{BlockGroup: group})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f USD by version %s\n", answer.MedianHouseValue, answer.ModelVersion)

	group.Latitude = proto.Float64(50)
	_, err = client.Predict(ctx, &housingv1.PredictRequest{BlockGroup: group})
	refusal := status.Convert(err)
	fmt.Println(refusal.Code())
	for _, detail := range refusal.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println(detail.Reason)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Printf("%s: %s\n", violation.Field, violation.Description)
			}
		}
	}
}
