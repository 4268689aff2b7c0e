package cloze.cuda.cudnn;

import static cloze.cuda.launch.Arguments.address;

import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.graph.Work;
import cloze.cuda.launch.Arguments;
import cloze.cuda.launch.KernelCall;
import cloze.cuda.launch.Launcher;
import cloze.op.Lstm;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@link Lstm} by cuDNN, in f32 and tf32. Own kernels do bf16, whose biases and gradients of weights are f32 in Cloze and bf16
 * in cuDNN, empty tensors, and tensors at addresses that are not multiples of 16.
 */
public final class CudnnLstm implements Lstm.Forward {
    /** Own kernels; the first two do the whole op. */
    public record Own(Lstm.Forward forward, KernelCall backward, Launcher add) {}

    private final Driver driver;
    private final CudaQueue queue;
    private final CudnnLstms library;
    private final boolean tf32;
    private final Own own;

    public CudnnLstm(Driver driver, CudaQueue queue, CudnnLstms library, boolean tf32, Own own) {
        this.driver = driver;
        this.queue = queue;
        this.library = library;
        this.tf32 = tf32;
        this.own = own;
    }

    /** Room for cuDNN and for own kernels. */
    @Override
    public Shape kept(Shape x, DType dtype, int hidden, boolean bias) {
        synchronized (queue) {
            driver.enter();
            CudnnLstmPlan plan = plan(x, dtype, hidden, bias);
            Shape usual = Lstm.Forward.super.kept(x, dtype, hidden, bias);
            return plan == null || plan.keptBytes() <= usual.size() * Float.BYTES
                    ? usual
                    : new Shape(Math.toIntExact(Math.ceilDiv(plan.keptBytes(), (long) Float.BYTES)));
        }
    }

    private @Nullable CudnnLstmPlan plan(Shape x, DType dtype, int hidden, boolean bias) {
        return dtype != DType.F32 || x.size() == 0 || hidden == 0
                ? null
                : library.plan(new CudnnLstmProblem(x.extent(0), x.extent(1), x.extent(2), hidden, bias, tf32));
    }

    /** Forward and backward decide by the same tensors, so that both use cuDNN or neither: {@code kept} differs. */
    private @Nullable CudnnLstmPlan plan(Tensor x, Tensor h, Tensor c, @Nullable Tensor bias, Tensor y, Tensor kept) {
        boolean aligned = (address(x) | address(h) | address(c) | address(y) | address(kept)) % Cudnn.ALIGNMENT == 0;
        return aligned ? plan(x.shape(), x.dtype(), h.shape().extent(1), bias != null) : null;
    }

    @Override
    public void call(
            Tensor x,
            Tensor h,
            Tensor c,
            Tensor inputWeight,
            Tensor hiddenWeight,
            @Nullable Tensor bias,
            Tensor y,
            Tensor lastH,
            Tensor lastC,
            Tensor kept,
            long b,
            long t,
            long in,
            long hidden) {
        synchronized (queue) {
            driver.enter();
            CudnnLstmPlan plan = plan(x, h, c, bias, y, kept);
            if (plan == null) {
                own.forward.call(x, h, c, inputWeight, hiddenWeight, bias, y, lastH, lastC, kept, b, t, in, hidden);
                return;
            }
            var cut = new ScratchCut();
            long weights = cut.of(plan.weightBytes());
            long workspace = cut.of(plan.workspaceBytes());
            ScratchCut.Place toH = cut.place(lastH, lastH.bytes(), false);
            ScratchCut.Place toC = cut.place(lastC, lastC.bytes(), false);
            long scratch = queue.scratch(cut.bytes());
            gather(plan, new Weights(inputWeight, hiddenWeight, bias), scratch + weights);
            var call = new CudnnLstms.Forward(
                    plan.problem,
                    address(x),
                    address(h),
                    address(c),
                    scratch + weights,
                    address(y),
                    toH.at(scratch),
                    toC.at(scratch),
                    scratch + workspace,
                    address(kept));
            queue.library(call, stream -> library.run(call, stream));
            settle(toH, scratch, false);
            settle(toC, scratch, false);
        }
    }

    /** A call of {@link Lstm.Backward}. */
    public void backward(Arguments arguments) {
        synchronized (queue) {
            driver.enter();
            Tensor x = arguments.tensor("x");
            Tensor h = arguments.tensor("h");
            Tensor c = arguments.tensor("c");
            Tensor y = arguments.tensor("y");
            Tensor kept = arguments.tensor("kept");
            Tensor bias = arguments.optional("bias");
            CudnnLstmPlan plan = plan(x, h, c, bias, y, kept);
            if (plan == null) {
                own.backward.call(arguments);
                return;
            }
            var weightsOfCall = new Weights(arguments.tensor("inputWeight"), arguments.tensor("hiddenWeight"), bias);
            var gradients = new Weights(
                    arguments.optional("dinputWeight"),
                    arguments.optional("dhiddenWeight"),
                    arguments.optional("dbias"));
            long accumulate = arguments.size("accumulate");
            boolean addX = (accumulate & 1) != 0;
            boolean addH = (accumulate & 2) != 0;
            boolean addC = (accumulate & 4) != 0;
            boolean learns = gradients.input != null || gradients.hidden != null || gradients.bias != null;
            var cut = new ScratchCut();
            long weights = cut.of(plan.weightBytes());
            long dweights = cut.of(learns ? plan.weightBytes() : 0);
            long workspace = cut.of(plan.workspaceBytes());
            ScratchCut.Place fromY = cut.place(arguments.optional("dy"), y.bytes(), false);
            ScratchCut.Place fromH = cut.place(arguments.optional("dlastH"), h.bytes(), false);
            ScratchCut.Place fromC = cut.place(arguments.optional("dlastC"), c.bytes(), false);
            ScratchCut.Place toX = cut.place(arguments.optional("dx"), x.bytes(), addX);
            ScratchCut.Place toH = cut.place(arguments.optional("dh"), h.bytes(), addH);
            ScratchCut.Place toC = cut.place(arguments.optional("dc"), c.bytes(), addC);
            long scratch = queue.scratch(cut.bytes());
            bring(fromY, scratch);
            bring(fromH, scratch);
            bring(fromC, scratch);
            gather(plan, weightsOfCall, scratch + weights);
            if (learns) {
                queue.add(new Work.Zero(scratch + dweights, plan.weightBytes()));
            }
            var call = new CudnnLstms.Backward(
                    plan.problem,
                    address(x),
                    address(h),
                    address(c),
                    scratch + weights,
                    address(y),
                    fromY.at(scratch),
                    fromH.at(scratch),
                    fromC.at(scratch),
                    toX.at(scratch),
                    toH.at(scratch),
                    toC.at(scratch),
                    learns ? scratch + dweights : 0,
                    scratch + workspace,
                    address(kept));
            queue.library(call, stream -> library.run(call, stream));
            settle(toX, scratch, addX);
            settle(toH, scratch, addH);
            settle(toC, scratch, addC);
            scatter(plan, scratch + dweights, gradients, accumulate);
        }
    }

    /** The weights, or their gradients. */
    private record Weights(
            @Nullable Tensor input,
            @Nullable Tensor hidden,
            @Nullable Tensor bias) {
        @Nullable
        Tensor of(CudnnLstmPlan.Weight weight) {
            return switch (weight) {
                case INPUT -> input;
                case HIDDEN -> hidden;
                case BIAS -> bias;
            };
        }
    }

    private void gather(CudnnLstmPlan plan, Weights from, long to) {
        for (CudnnLstmPlan.Piece piece : plan.pieces()) {
            long at = address(Objects.requireNonNull(from.of(piece.weight())));
            queue.add(new Work.Copy(at + piece.from(), to + piece.to(), piece.bytes()));
        }
    }

    private void scatter(CudnnLstmPlan plan, long from, Weights to, long accumulate) {
        for (CudnnLstmPlan.Piece piece : plan.pieces()) {
            Tensor target = to.of(piece.weight());
            if (target != null) {
                boolean add = (accumulate & piece.weight().accumulate) != 0;
                move(from + piece.to(), address(target) + piece.from(), piece.bytes(), add);
            }
        }
    }

    /** Copies a gradient to the place where cuDNN reads it, or writes zeros there if there is none. */
    private void bring(ScratchCut.Place place, long scratch) {
        if (place.tensor() == null) {
            queue.add(new Work.Zero(place.at(scratch), place.bytes()));
        } else if (place.isCopy()) {
            queue.add(new Work.Copy(address(place.tensor()), place.at(scratch), place.bytes()));
        }
    }

    /** Moves a result of cuDNN from the scratch to its tensor. */
    private void settle(ScratchCut.Place place, long scratch, boolean add) {
        if (place.tensor() != null && place.isCopy()) {
            move(place.at(scratch), address(place.tensor()), place.bytes(), add);
        }
    }

    private void move(long from, long to, long bytes, boolean add) {
        if (add) {
            own.add.callAs(false, from, to, bytes / Float.BYTES);
        } else {
            queue.add(new Work.Copy(from, to, bytes));
        }
    }
}
