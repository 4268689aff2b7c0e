package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.ones;
import static org.bytedeco.pytorch.global.torch.zeros;

import cloze.bench.BenchLibrary;
import cloze.bench.BlockStack;
import cloze.bench.ImageSamples;
import cloze.bench.MaeShape;
import cloze.bench.Weights;
import cloze.model.MaeConfig;
import cloze.nn.SinCosPositions;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/** A step of the masked autoencoder, in the order of the paper's code: from images and noise to the loss. */
public final class TorchMae extends TorchStep {
    private static final TorchBlock.Kind KIND = TorchBlock.Kind.VIT;
    private static final Scalar EPSILON = new Scalar(1e-6); // of a patch's variance

    private final int batch;
    private final MaeConfig config;
    private final TorchBlock.Affine patchEmbed;
    private final Tensor classToken;
    private final List<TorchBlock> encoder;
    private final TorchBlock.Affine encoderNorm;
    private final TorchBlock.Affine decoderEmbed;
    private final Tensor maskToken;
    private final List<TorchBlock> decoder;
    private final TorchBlock.Affine decoderNorm;
    private final TorchBlock.Affine prediction;
    private final Tensor images; // [B, side, side, C]
    private final Tensor noise; // [B, N]
    private final Tensor positions; // [N, D]
    private final Tensor decoderPositions; // [N, decoder's D]

    public TorchMae(BenchLibrary library, MaeShape shape, @Nullable Weights weights) {
        super(library, weights);
        batch = shape.batch();
        config = shape.config();
        int d = config.encoder().width();
        int e = config.decoder().width();
        patchEmbed = TorchBlock.Affine.linear(parameters, "patch_embed.proj", config.pixels(), d);
        classToken = parameters.of("cls_token", d);
        encoder = blocks("blocks", shape.encoder());
        encoderNorm = TorchBlock.Affine.norm(parameters, "norm", d);
        decoderEmbed = TorchBlock.Affine.linear(parameters, "decoder_embed", d, e);
        maskToken = parameters.of("mask_token", e);
        decoder = blocks("decoder_blocks", shape.decoder());
        decoderNorm = TorchBlock.Affine.norm(parameters, "decoder_norm", e);
        prediction = TorchBlock.Affine.linear(parameters, "decoder_pred", e, config.pixels());
        var samples = new ImageSamples(shape);
        int side = config.image();
        images = Tensor.create(samples.images(), batch, side, side, config.channels());
        noise = Tensor.create(samples.noise(), batch, config.patches());
        positions = positions(d);
        decoderPositions = positions(e);
    }

    private List<TorchBlock> blocks(String name, BlockStack stack) {
        var blocks = new ArrayList<TorchBlock>();
        for (int i = 0; i < stack.layers(); i++) {
            blocks.add(TorchBlock.of(parameters, name + "." + i, stack, KIND));
        }
        return blocks;
    }

    private Tensor positions(int width) {
        return Tensor.create(SinCosPositions.grid(config.grid(), config.grid(), width), (long) config.patches(), width);
    }

    @Override
    Tensor loss() {
        long n = config.patches();
        long m = config.kept();
        Tensor patches = patchify(); // [B, N, P P C]
        Tensor shuffle = noise.argsort(1, false); // [B, N]
        Tensor restore = shuffle.argsort(1, false);
        Tensor hidden =
                cat(new TensorVector(zeros(batch, m), ones(batch, n - m)), 1).gather(1, restore);
        Tensor latent = encode(patches, shuffle.narrow(1, 0, m));
        Tensor difference = predict(latent, restore).sub(config.normalize() ? normalized(patches) : patches);
        return difference.mul(difference).mean(-1).mul(hidden).sum().div(hidden.sum());
    }

    private Tensor patchify() {
        long grid = config.grid();
        long p = config.patch();
        return images.view(batch, grid, p, grid, p, config.channels())
                .permute(0, 1, 3, 2, 4, 5)
                .reshape(batch, grid * grid, p * p * config.channels());
    }

    private static Tensor normalized(Tensor patches) {
        Tensor mean = patches.mean(-1).unsqueeze(-1);
        Tensor variance = patches.var(new long[] {-1}, true, true); // unbiased, axis kept
        return patches.sub(mean).div(variance.add(EPSILON).sqrt());
    }

    /** @param kept [B, M] */
    private Tensor encode(Tensor patches, Tensor kept) {
        long d = config.encoder().width();
        Tensor all = patchEmbed.product(patches).add(positions);
        Tensor seen = all.gather(1, kept.unsqueeze(-1).expand(batch, config.kept(), d));
        Tensor x = cat(new TensorVector(classToken.expand(batch, 1, d), seen), 1);
        for (TorchBlock block : encoder) {
            x = block.forward(x);
        }
        return encoderNorm.normalize(x, KIND);
    }

    /** @return [B, N, P P C] */
    private Tensor predict(Tensor latent, Tensor restore) {
        long n = config.patches();
        long m = config.kept();
        long e = config.decoder().width();
        Tensor x = decoderEmbed.product(latent);
        Tensor all = cat(new TensorVector(x.narrow(1, 1, m), maskToken.expand(batch, n - m, e)), 1);
        Tensor placed = all.gather(1, restore.unsqueeze(-1).expand(batch, n, e)).add(decoderPositions);
        Tensor y = cat(new TensorVector(x.narrow(1, 0, 1), placed), 1);
        for (TorchBlock block : decoder) {
            y = block.forward(y);
        }
        return prediction.product(decoderNorm.normalize(y, KIND)).narrow(1, 1, n);
    }
}
