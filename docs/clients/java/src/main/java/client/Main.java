package client;

import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import housing.v1.BlockGroup;
import housing.v1.PredictRequest;
import housing.v1.PredictResponse;
import housing.v1.PredictionServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.concurrent.TimeUnit;

/** Values a block group, then sends one that breaks a rule and prints what the service says of it. */
public final class Main {
  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    var client = PredictionServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
    BlockGroup.Builder group =
        BlockGroup.newBuilder()
            .setLongitude(-122.23)
            .setLatitude(37.88)
            .setHousingMedianAge(41)
            .setTotalRooms(880)
            .setPopulation(322)
            .setHouseholds(126)
            .setMedianIncome(8.3252);
    PredictResponse answer = client.predict(PredictRequest.newBuilder().setBlockGroup(group).build());
    System.out.printf("%.0f USD by version %s%n", answer.getMedianHouseValue(), answer.getModelVersion());

    try {
      client.predict(PredictRequest.newBuilder().setBlockGroup(group.setLatitude(50)).build());
    } catch (StatusRuntimeException error) {
      System.out.println(error.getStatus().getCode());
      Status refusal = StatusProto.fromThrowable(error);
      for (var detail : refusal.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          System.out.println(detail.unpack(ErrorInfo.class).getReason());
        } else if (detail.is(BadRequest.class)) {
          detail.unpack(BadRequest.class).getFieldViolationsList().forEach(
              violation -> System.out.println(violation.getField() + ": " + violation.getDescription()));
        }
      }
    }
    channel.shutdown();
  }
}
