import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The same work on Kafka Streams, exactly_once_v2 with RocksDB.
 *
 * <p>Five rules: the request id seen, the coupon used, the customer's count, the gap since the
 * customer's last, the offer's total. Coupons and totals are those of a partition only.
 *
 * <p>APP_ID (also its consumer group), BOOTSTRAP, REQUESTS, RESULTS and STATE_DIR come from outside;
 * each argument is a {@code key=value} of StreamsConfig.
 */
public final class Redemptions {
  static final int CUSTOMER_LIMIT = 50;
  static final long MIN_GAP_SECONDS = 0;
  static final long OFFER_LIMIT = 100_000_000;
  static final ObjectMapper JSON =
      new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  record Bill(String number, String amount, String currency) {}

  record Request(
      String type, String request_id, String offer_id, String customer_id, String code,
      String till_id, Bill bill, String occurred_at) {}

  record Outcome(
      String request_id, String type, String outcome, String reason, String occurred_at,
      String offer_id, String customer_id, String code, String till_id, Bill bill, long total) {}

  record Customer(int count, long last) {}

  static final class Redeem implements Processor<String, byte[], String, byte[]> {
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> outcomes; // request_id -> the outcome sent
    private KeyValueStore<String, String> coupons; // code -> request_id that redeemed it
    private KeyValueStore<String, Customer> customers;
    private KeyValueStore<String, Long> totals; // offer_id -> redemptions in this partition

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      outcomes = context.getStateStore("outcomes");
      coupons = context.getStateStore("coupons");
      customers = context.getStateStore("customers");
      totals = context.getStateStore("totals");
    }

    @Override
    public void process(Record<String, byte[]> record) {
      try {
        Request request = JSON.readValue(record.value(), Request.class);
        byte[] outcome = outcomes.get(request.request_id());
        if (outcome == null) {
          outcome = JSON.writeValueAsBytes(decide(request));
          outcomes.put(request.request_id(), outcome);
        }
        context.forward(record.withValue(outcome));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    private Outcome decide(Request request) {
      Long stored = totals.get(request.offer_id());
      long total = stored == null ? 0 : stored;
      Customer customer = customers.get(request.customer_id());
      long at = OffsetDateTime.parse(request.occurred_at()).toEpochSecond();
      String reason = refusal(request, customer, at, total);
      if (reason == null) {
        total++;
        int count = customer == null ? 1 : customer.count() + 1;
        coupons.put(request.code(), request.request_id());
        customers.put(request.customer_id(), new Customer(count, at));
        totals.put(request.offer_id(), total);
      }
      return new Outcome(
          request.request_id(), request.type(), reason == null ? "accepted" : "rejected", reason,
          request.occurred_at(), request.offer_id(), request.customer_id(), request.code(),
          request.till_id(), request.bill(), total);
    }

    private String refusal(Request request, Customer customer, long at, long total) {
      if (coupons.get(request.code()) != null) return "coupon_redeemed";
      if (customer != null && customer.count() >= CUSTOMER_LIMIT) return "customer_limit_reached";
      if (customer != null && at - customer.last() < MIN_GAP_SECONDS) return "gap_not_elapsed";
      return total >= OFFER_LIMIT ? "offer_limit_reached" : null;
    }
  }

  static final Serde<Customer> CUSTOMER =
      Serdes.serdeFrom((topic, customer) -> packed(customer), (topic, bytes) -> unpacked(bytes));

  private static byte[] packed(Customer customer) {
    if (customer == null) return null;
    return ByteBuffer.allocate(12).putInt(customer.count()).putLong(customer.last()).array();
  }

  private static Customer unpacked(byte[] bytes) {
    if (bytes == null) return null;
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    return new Customer(buffer.getInt(), buffer.getLong());
  }

  private static <V> StoreBuilder<KeyValueStore<String, V>> store(String name, Serde<V> value) {
    var supplier = Stores.persistentKeyValueStore(name);
    var builder = Stores.keyValueStoreBuilder(supplier, Serdes.String(), value);
    builder = builder.withLoggingEnabled(Map.of());
    // One row an offer, written with every redemption: only its last value goes to the changelog.
    return name.equals("totals") ? builder.withCachingEnabled() : builder;
  }

  public static void main(String[] arguments) {
    Map<String, String> env = System.getenv();
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, env.get("APP_ID"));
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("BOOTSTRAP"));
    config.put(StreamsConfig.STATE_DIR_CONFIG, env.get("STATE_DIR"));
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
    config.put("auto.offset.reset", "earliest");
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      config.put(parts[0], parts[1]);
    }
    var key = Serdes.String();
    var value = Serdes.ByteArray();
    Topology topology =
        new Topology()
            .addSource("requests", key.deserializer(), value.deserializer(), env.get("REQUESTS"))
            .addProcessor("redeem", Redeem::new, "requests")
            .addStateStore(store("outcomes", value), "redeem")
            .addStateStore(store("coupons", Serdes.String()), "redeem")
            .addStateStore(store("customers", CUSTOMER), "redeem")
            .addStateStore(store("totals", Serdes.Long()), "redeem")
            .addSink("results", env.get("RESULTS"), key.serializer(), value.serializer(), "redeem");
    KafkaStreams streams = new KafkaStreams(topology, config);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
