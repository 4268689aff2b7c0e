package cloze.nn;

import cloze.autograd.ParameterGradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.DeviceMemory;
import cloze.tensor.Pool;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of a model in one flat f32 buffer, by {@link Role}, each at a multiple of 64 bytes. Gradients, moments
 * and averages are buffers of the same layout, so that an optimiser step is a few kernels over long arrays. A model
 * that computes in bf16 reads bf16 copies of its matrices and tables, which {@link #refresh} updates.
 */
public final class Parameters {
    /** Padded tables have a multiple of this many rows: 16 bytes of bf16. */
    private static final int ROWS = 8;

    /** Elements of the flat buffers' last axis; every parameter begins at a multiple of 16. */
    private static final int CHUNK = 64;

    private static final int ALIGNMENT = 16;

    /** {@code parameters_narrow}: y = x, rounded to the nearest of y's type. */
    public interface Narrow {
        void call(Tensor x, Tensor y, long n);
    }

    /** Elements {@code from} up to {@code from + count} of a flat buffer. */
    public record Range(long from, long count) {}

    /** A model and its parameters. */
    public record Built<M>(M model, Parameters parameters) {}

    /** A requested parameter, before its memory is allocated. */
    record Declared(String name, Shape shape, Role role, Init init) {
        Shape padded() {
            return role == Role.TABLE && shape.rank() == 2
                    ? new Shape(Math.ceilDiv(shape.extent(0), ROWS) * ROWS, shape.extent(1))
                    : shape;
        }
    }

    private final Backend backend;
    private final Scope scope;
    private final Tensor weights;
    private final Map<Role, Range> ranges = new EnumMap<>(Role.class);
    private final Map<Tensor, Long> places = new HashMap<>();
    private final Map<Tensor, Role> roles = new HashMap<>();
    private final Map<String, Tensor> byName = new LinkedHashMap<>();
    private final Map<String, Tensor> given = new HashMap<>(); // to the model
    private final Map<Tensor, Tensor> padded = new HashMap<>(); // a parameter, by its padded table
    private final @Nullable Tensor narrow;
    private @Nullable Tensor gradients;
    private @Nullable ParameterGradients accumulator;

    private Parameters(Backend backend, Scope scope, List<Declared> declared) {
        this.backend = backend;
        this.scope = scope;
        long[] from = new long[declared.size()];
        long end = 0;
        for (Role role : Role.values()) {
            long begin = end;
            for (int i = 0; i < from.length; i++) {
                if (declared.get(i).role() == role) {
                    from[i] = end;
                    end += Math.ceilDiv(declared.get(i).padded().size(), ALIGNMENT) * ALIGNMENT;
                }
            }
            ranges.put(role, new Range(begin, end - begin));
        }
        weights = scope.tensor("weights", new Shape(Math.toIntExact(Math.ceilDiv(end, CHUNK)), CHUNK), DType.F32);
        backend.zero(weights);
        DType dtype = backend.precision().dtype();
        narrow = dtype == DType.F32 ? null : scope.tensor("narrow weights", wide(), dtype);
        for (int i = 0; i < from.length; i++) {
            Declared d = declared.get(i);
            Tensor parameter = scope.slice(weights, from[i], d.name(), d.shape(), true);
            places.put(parameter, from[i]);
            roles.put(parameter, d.role());
            byName.put(d.name(), parameter);
            Tensor all = narrow == null || d.role() == Role.VECTOR ? weights : narrow;
            Tensor forModel = all == weights ? parameter : scope.slice(all, from[i], d.name(), d.shape(), true);
            given.put(d.name(), forModel);
            if (!d.padded().equals(d.shape())) {
                padded.put(forModel, scope.slice(all, from[i], d.name(), d.padded(), true));
            }
        }
    }

    /** Gives a model the parameters that it requested. */
    private final class Given implements ParameterSource {
        @Override
        public Tensor parameter(String name, Shape shape, Role role, Init init) {
            return given(name);
        }

        @Override
        public Tensor padded(Tensor table) {
            return padded.getOrDefault(table, table);
        }
    }

    /** Records the parameters that a model requests. */
    private static final class Declaring implements ParameterSource {
        private final Scope scope;
        private final Map<String, Declared> asked = new LinkedHashMap<>();

        Declaring(Scope scope) {
            this.scope = scope;
        }

        @Override
        public Tensor parameter(String name, Shape shape, Role role, Init init) {
            if (asked.put(name, new Declared(name, shape, role, init)) != null) {
                throw new IllegalArgumentException("two parameters are named " + name);
            }
            return scope.tensor(name, shape, DType.F32, true);
        }

        @Override
        public Tensor padded(Tensor table) {
            Declared declared = asked.get(table.name());
            if (declared == null || declared.role() != Role.TABLE) {
                throw new IllegalArgumentException(table + " is no table of this model");
            }
            return scope.tensor(table.name(), declared.padded(), DType.F32, true);
        }
    }

    /** The number of elements of matrices and tables, which come first. */
    private Shape wide() {
        return new Shape(Math.toIntExact(Math.ceilDiv(range(Role.VECTOR).from(), CHUNK)), CHUNK);
    }

    /** Updates the bf16 copies after {@link #weights} have changed. */
    public void refresh() {
        if (narrow != null) {
            backend.kernel(Narrow.class)
                    .call(weights, narrow, range(Role.VECTOR).from());
        }
    }

    /**
     * Builds a model twice: once to record its parameters, once on their memory.
     *
     * @param scope owns the parameters
     * @param seed of the initial values
     */
    public static <M> Built<M> build(Backend backend, Scope scope, long seed, Function<ParameterSource, M> model) {
        List<Declared> declared = declared(model);
        var parameters = new Parameters(backend, scope, declared);
        for (int i = 0; i < declared.size(); i++) {
            Declared d = declared.get(i);
            d.init().fill(backend, parameters.named(d.name()), seed, i);
        }
        parameters.refresh();
        return new Built<>(model.apply(parameters.new Given()), parameters);
    }

    /** Number of parameters of a model, without making it. */
    public static long count(Function<ParameterSource, ?> model) {
        return declared(model).stream().mapToLong(d -> d.shape().size()).sum();
    }

    /** Names and shapes of a model's parameters, in the order in which it asks for them, without making it. */
    public static Map<String, Shape> shapes(Function<ParameterSource, ?> model) {
        var shapes = new LinkedHashMap<String, Shape>();
        declared(model).forEach(d -> shapes.put(d.name(), d.shape()));
        return shapes;
    }

    private static List<Declared> declared(Function<ParameterSource, ?> model) {
        try (var pool = new Pool(new NoMemory(), Long.MAX_VALUE);
                var scope = pool.scope("declared")) {
            var declaring = new Declaring(scope);
            var _ = model.apply(declaring);
            return List.copyOf(declaring.asked.values());
        }
    }

    /** Addresses without memory behind them. */
    private static final class NoMemory implements DeviceMemory {
        private long next = CHUNK;

        @Override
        public long map(long bytes) {
            long address = next;
            next += bytes;
            return address;
        }

        @Override
        public void unmap(long address, long bytes) {}

        @Override
        public MemorySegment view(long address, long bytes, Arena lifetime) {
            return MemorySegment.NULL;
        }
    }

    /** All parameters, f32 [chunks, 64]. */
    public Tensor weights() {
        return weights;
    }

    /** Their gradients, in the same layout; allocated when first asked for. */
    public Tensor gradients() {
        if (gradients == null) {
            gradients = flat("gradients");
        }
        return gradients;
    }

    /** Sums gradients into {@link #gradients}. */
    public ParameterGradients accumulator() {
        if (accumulator == null) {
            var targets = new HashMap<Tensor, Tensor>();
            for (Tensor parameter : byName.values()) {
                targets.put(given(parameter.name()), slice(gradients(), parameter));
            }
            accumulator = new ParameterGradients(backend, targets);
            for (Tensor parameter : byName.values()) {
                Tensor wider = padded.get(given(parameter.name()));
                if (wider != null) {
                    Tensor gradient =
                            scope.slice(gradients(), place(parameter), parameter.name(), wider.shape(), false);
                    accumulator.alias(given(parameter.name()), wider, gradient);
                }
            }
        }
        return accumulator;
    }

    /** A new buffer of the same layout, filled with zeros, that lives as long as the parameters. */
    public Tensor flat(String name) {
        Tensor buffer = scope.tensor(name, weights.shape(), DType.F32);
        backend.zero(buffer);
        return buffer;
    }

    /** The range of one role's parameters in a flat buffer. */
    public Range range(Role role) {
        return ranges.getOrDefault(role, new Range(0, 0));
    }

    /** The elements of a flat buffer in {@code range}, [count / 16, 16]. */
    public Tensor part(Tensor flat, Range range) {
        var shape = new Shape(Math.toIntExact(range.count() / ALIGNMENT), ALIGNMENT);
        return scope.slice(flat, range.from(), flat.name(), shape, false);
    }

    /** The element of a flat buffer at which {@code parameter} begins. */
    public long place(Tensor parameter) {
        Long from = places.get(parameter);
        if (from == null) {
            throw new IllegalArgumentException(parameter + " is no parameter of this model");
        }
        return from;
    }

    /** The part of a flat buffer that belongs to {@code parameter}, under its name and shape. */
    public Tensor slice(Tensor flat, Tensor parameter) {
        return scope.slice(flat, place(parameter), parameter.name(), parameter.shape(), false);
    }

    /** The gradient of one parameter. */
    public Tensor gradient(Tensor parameter) {
        return slice(gradients(), parameter);
    }

    public Role role(Tensor parameter) {
        Role role = roles.get(parameter);
        if (role == null) {
            throw new IllegalArgumentException(parameter + " is no parameter of this model");
        }
        return role;
    }

    /** Every parameter, in the order in which the model asked for them. */
    public List<Tensor> tensors() {
        return List.copyOf(byName.values());
    }

    /** The tensor that the model reads under that name: the parameter, or its bf16 copy. */
    private Tensor given(String name) {
        Tensor tensor = given.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("no parameter is named " + name);
        }
        return tensor;
    }

    public Tensor named(String name) {
        Tensor parameter = byName.get(name);
        if (parameter == null) {
            throw new IllegalArgumentException("no parameter is named " + name);
        }
        return parameter;
    }

    /** Number of parameters. */
    public long count() {
        return byName.values().stream().mapToLong(p -> p.shape().size()).sum();
    }
}
