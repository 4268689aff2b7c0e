package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.cross_entropy_loss;
import static org.bytedeco.pytorch.global.torch.embedding;
import static org.bytedeco.pytorch.global.torch.linear;

import cloze.bench.BenchLibrary;
import cloze.bench.GptShape;
import cloze.bench.TokenBatch;
import cloze.bench.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** A step of GPT-2. */
public final class TorchGpt extends TorchStep {
    private final GptShape shape;
    private final Tensor tokens;
    private final Tensor positions;
    private final List<TorchBlock> blocks = new ArrayList<>();
    private final TorchBlock.Affine last;
    private final Tensor ids; // [B, T]
    private final Tensor places; // [T]
    private final Tensor targets; // [B T]

    public TorchGpt(BenchLibrary library, GptShape shape, @Nullable Weights weights) {
        super(library, weights);
        this.shape = shape;
        long d = shape.stack().width();
        tokens = parameters.of("wte.weight", shape.vocabulary(), d);
        positions = parameters.of("wpe.weight", shape.tokens(), d);
        for (int i = 0; i < shape.stack().layers(); i++) {
            blocks.add(TorchBlock.of(parameters, "h." + i, shape.stack(), TorchBlock.Kind.GPT_2));
        }
        last = TorchBlock.Affine.norm(parameters, "ln_f", d);
        var batch = new TokenBatch(shape);
        ids = Tensor.create(longs(batch.ids()), shape.batch(), shape.tokens());
        places = Tensor.create(LongStream.range(0, shape.tokens()).toArray(), shape.tokens());
        targets = Tensor.create(longs(batch.targets()), (long) shape.batch() * shape.tokens());
    }

    static long[] longs(int[] values) {
        return Arrays.stream(values).asLongStream().toArray();
    }

    @Override
    Tensor loss() {
        Tensor x = embedding(tokens, ids).add(embedding(positions, places));
        for (TorchBlock block : blocks) {
            x = block.forward(x);
        }
        Tensor logits = linear(last.normalize(x, TorchBlock.Kind.GPT_2), tokens);
        return cross_entropy_loss(logits.view(-1, shape.vocabulary()), targets);
    }
}
