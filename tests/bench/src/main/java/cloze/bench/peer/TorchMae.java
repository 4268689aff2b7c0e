package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.cat;

import cloze.bench.BenchLibrary;
import cloze.bench.MaeShape;
import cloze.bench.PatchBatch;
import cloze.bench.Stack;
import cloze.bench.Weights;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/** A step of the masked autoencoder. */
public final class TorchMae extends TorchStep {
    private final MaeShape shape;
    private final TorchBlock.Affine patchEmbed;
    private final Tensor classToken;
    private final List<TorchBlock> encoder;
    private final TorchBlock.Affine encoderNorm;
    private final TorchBlock.Affine decoderEmbed;
    private final Tensor maskToken;
    private final List<TorchBlock> decoder;
    private final TorchBlock.Affine decoderNorm;
    private final TorchBlock.Affine prediction;
    private final Tensor patches; // [B, N, P P C]
    private final Tensor positions; // [N, D]
    private final Tensor decoderPositions; // [N + 1, decoder's D]
    private final Tensor kept; // [B, M, 1]
    private final Tensor ranks; // [B, N, 1]
    private final Tensor hidden; // [B, N]

    public TorchMae(BenchLibrary library, MaeShape shape, @Nullable Weights weights) {
        super(library, weights);
        this.shape = shape;
        long d = shape.encoder().width();
        long e = shape.decoder().width();
        patchEmbed = TorchBlock.Affine.linear(parameters, "patch_embed", shape.pixels(), d);
        classToken = parameters.of("cls_token", d);
        encoder = blocks("encoder", shape.encoder());
        encoderNorm = TorchBlock.Affine.norm(parameters, "encoder.ln_f", d);
        decoderEmbed = TorchBlock.Affine.linear(parameters, "decoder_embed", d, e);
        maskToken = parameters.of("mask_token", e);
        decoder = blocks("decoder", shape.decoder());
        decoderNorm = TorchBlock.Affine.norm(parameters, "decoder.ln_f", e);
        prediction = TorchBlock.Affine.linear(parameters, "decoder_pred", e, shape.pixels());
        var batch = new PatchBatch(shape);
        long b = shape.batch();
        long n = shape.patches();
        patches = Tensor.create(batch.patches(), b, n, shape.pixels());
        positions = Tensor.create(batch.encoderPositions(), n, d);
        decoderPositions = Tensor.create(batch.decoderPositions(), n + 1, e);
        kept = Tensor.create(TorchGpt.longs(batch.kept()), b, shape.kept(), 1);
        ranks = Tensor.create(TorchGpt.longs(batch.ranks()), b, n, 1);
        hidden = Tensor.create(batch.hidden(), b, n);
    }

    private List<TorchBlock> blocks(String name, Stack stack) {
        var blocks = new ArrayList<TorchBlock>();
        for (int i = 0; i < stack.layers(); i++) {
            blocks.add(TorchBlock.of(parameters, name + ".h." + i, stack, false));
        }
        return blocks;
    }

    @Override
    Tensor loss() {
        Tensor difference = predict(decode(encode())).sub(patches);
        return difference.mul(difference).mean(-1).mul(hidden).sum().div(hidden.sum());
    }

    private Tensor encode() {
        long b = shape.batch();
        long d = shape.encoder().width();
        Tensor all = patchEmbed.product(patches).add(positions);
        Tensor seen = all.gather(1, kept.expand(b, shape.kept(), d));
        Tensor x = cat(new TensorVector(classToken.expand(b, 1, d), seen), 1);
        for (TorchBlock block : encoder) {
            x = block.forward(x);
        }
        return encoderNorm.normalize(x);
    }

    private Tensor decode(Tensor latent) {
        long b = shape.batch();
        long n = shape.patches();
        long m = shape.kept();
        long e = shape.decoder().width();
        Tensor x = decoderEmbed.product(latent);
        Tensor all = cat(new TensorVector(x.narrow(1, 1, m), maskToken.expand(b, n - m, e)), 1);
        Tensor full = cat(new TensorVector(x.narrow(1, 0, 1), all.gather(1, ranks.expand(b, n, e))), 1);
        Tensor y = full.add(decoderPositions);
        for (TorchBlock block : decoder) {
            y = block.forward(y);
        }
        return decoderNorm.normalize(y);
    }

    private Tensor predict(Tensor decoded) {
        return prediction.product(decoded).narrow(1, 1, shape.patches());
    }
}
